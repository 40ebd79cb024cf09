-- The database itself checks what is added to the chain of closed days, whoever adds it.
-- depends: 0017.deletion

-- An entry follows from the one before it; a deletion's repeats its day's; and whoever may not write the ledger notes
-- deletions only.
create function capture.follows_the_chain() returns trigger
language plpgsql
as $$
declare
    newest capture.manifest;
    latest capture.manifest;
begin
    select * into newest from capture.manifest order by position desc limit 1;
    select * into latest from capture.manifest where day = new.day order by revision desc limit 1;
    if new.position <> coalesce(newest.position, 0) + 1
        or new.revision <> coalesce(latest.revision, 0) + 1
        or new.head <> encode(sha256(convert_to(
            concat_ws(
                e'\n', coalesce(newest.head, ''), new.position, new.revision, new.reason,
                to_char(new.day, 'YYYY-MM-DD'), new.account_days, new.captured, new.imported, new.gaps, new.items,
                new.pages, new.imported_rows, new.captured_hash, new.gaps_hash, new.pages_hash, new.imported_hash
            ) || case when new.deleted <> 0 then concat(e'\n', new.deleted, e'\n', new.deleted_hash) else '' end,
            'UTF8'
        )), 'hex')
    then
        raise exception 'capture.manifest: entry % does not follow from the one before it', new.position
            using errcode = 'check_violation', constraint = 'follows_the_chain';
    end if;
    if new.reason = 'deleted' and (
        latest.position is null
        or (
            new.account_days, new.captured, new.imported, new.gaps, new.items, new.pages, new.imported_rows,
            new.captured_hash, new.gaps_hash, new.pages_hash, new.imported_hash
        ) is distinct from (
            latest.account_days, latest.captured, latest.imported, latest.gaps, latest.items, latest.pages,
            latest.imported_rows, latest.captured_hash, latest.gaps_hash, latest.pages_hash, latest.imported_hash
        )
        or new.deleted <= latest.deleted
        or new.deleted <> (select count(*) from capture.deleted_account_day as d where d.day = new.day)
    ) then
        raise exception 'capture.manifest: % is no deletion of what was there', new.day
            using errcode = 'check_violation', constraint = 'follows_the_chain';
    end if;
    if new.reason <> 'deleted' and not has_table_privilege(current_user, 'capture.account_day', 'update') then
        raise exception 'capture.manifest: % may only note deletions', current_user
            using errcode = 'insufficient_privilege';
    end if;
    return new;
end
$$;

create trigger follows_the_chain before insert on capture.manifest
for each row execute function capture.follows_the_chain();

-- What is left of an account-day is of one that is there, of an account that the log of deletions names ...
create function capture.is_leaving() returns trigger
language plpgsql
as $$
begin
    if not exists (
        select
        from capture.account_day as d
        inner join ops.deletion_log as l on l.id = new.deletion_id and d.account_id = any(l.account_ids)
        where
            d.account_id = new.account_id
            and d.endpoint = new.endpoint
            and d.day = new.day
            and d.state = new.state
            and d.planned_at = new.planned_at
            and d.finished_at is not distinct from new.finished_at
            and d.items = new.items
    ) then
        raise exception 'capture.deleted_account_day: account % has no such day that was logged as deleted', new.account_id
            using errcode = 'check_violation', constraint = 'is_leaving';
    end if;
    return new;
end
$$;

create trigger is_leaving before insert on capture.deleted_account_day
for each row execute function capture.is_leaving();

-- ... and that is gone when the transaction ends, in which its days have got their entries.
create function capture.has_left() returns trigger
language plpgsql
as $$
begin
    if exists (select from hub.store_accounts as a where a.id = new.account_id)
        or (select count(*) from capture.deleted_account_day as d where d.day = new.day) is distinct from
        (select m.deleted from capture.manifest as m where m.day = new.day order by m.revision desc limit 1)
    then
        raise exception 'capture.deleted_account_day: account % was not deleted, or % has no entry of it',
            new.account_id, new.day
            using errcode = 'check_violation', constraint = 'has_left';
    end if;
    return null;
end
$$;

create constraint trigger has_left after insert on capture.deleted_account_day
deferrable initially deferred for each row execute function capture.has_left();
