-- TikTok's answers about vanished videos, and whose account-days these are, in the chain of closed days; and each hash
-- of the chain written once.
-- depends: 0023.chain-guard 0026.honest-history

-- What an account-day, page, imported row, answer or account is in the chain: 32 bytes. Entries hold hashes of these for
-- ever: never change an expression. No time zone or date style of a session may show in it.
create function capture.account_day_hash(d capture.account_day) returns bytea
language sql stable parallel safe
return sha256(convert_to(concat_ws(
    '|', d.endpoint, d.day - date '2000-01-01', d.account_id, quote_nullable(d.time_zone), d.state,
    quote_nullable(d.reason), quote_nullable(d.chosen_capture_no), d.late, d.pages, d.items,
    quote_nullable(extract(epoch from d.started_at)), quote_nullable(extract(epoch from d.captured_at))
), 'UTF8'));

-- Column by column: pages lie in partitions, and in a temporary table when they were read back from an archive.
create function capture.page_hash(
    endpoint text, day date, account_id bigint, capture_no smallint, page_no integer, observed_at timestamptz,
    time_zone text, log_id text, run_id text, body jsonb
) returns bytea
language sql stable parallel safe
return sha256(convert_to(concat_ws(
    '|', endpoint, day - date '2000-01-01', account_id, capture_no, page_no, extract(epoch from observed_at),
    quote_nullable(time_zone), quote_nullable(log_id), quote_nullable(run_id), body
), 'UTF8'));

-- An account-day may have been imported without a row.
create function capture.imported_day_hash(endpoint text, day date, account_id bigint, time_zone text) returns bytea
language sql stable parallel safe
return sha256(convert_to(concat_ws(
    '|', endpoint, day - date '2000-01-01', account_id, quote_nullable(time_zone)
), 'UTF8'));

create function capture.imported_hash(i capture.imported) returns bytea
language sql stable parallel safe
return sha256(convert_to(concat_ws(
    '|', i.endpoint, i.day - date '2000-01-01', i.account_id, quote_nullable(i.item_id),
    quote_nullable(extract(epoch from i.observed_at)), quote_nullable(i.imported_from),
    extract(epoch from i.imported_at), i.fields
), 'UTF8'));

create function capture.query_hash(q capture.video_query) returns bytea
language sql stable parallel safe
return sha256(convert_to(concat_ws(
    '|', q.id, q.day - date '2000-01-01', q.account_id, quote_nullable(q.time_zone), quote_literal(q.asked::text),
    extract(epoch from q.observed_at), quote_nullable(q.log_id), quote_nullable(q.run_id), q.body
), 'UTF8'));

create function capture.identity_hash(account_id bigint, store_code text, open_id text) returns bytea
language sql stable parallel safe
return sha256(convert_to(concat_ws('|', account_id, quote_nullable(store_code), quote_nullable(open_id)), 'UTF8'));

create index video_query_by_day on capture.video_query (day);

alter table capture.manifest
add column queries bigint not null default 0,
add column queries_hash text not null default '',
add column accounts_hash text not null default '';

comment on column capture.manifest.queries is 'Answers of video/query about vanished videos.';
comment on column capture.manifest.queries_hash is 'SHA-256 of these; empty: none.';
comment on column capture.manifest.accounts_hash is
'SHA-256 of the store and open_id of each account-day with data; empty: none, or the entry is older than this column.';

alter table capture.deleted_account_day
add column identity bytea check (octet_length(identity) = 32),
add column queries integer not null default 0,
add column query_hashes bytea not null default '' check (octet_length(query_hashes) = 32 * queries);

comment on column capture.deleted_account_day.identity is
'SHA-256 of the account''s number, store and open_id; NULL of a gap, or when it was deleted before this was kept.';
comment on column capture.deleted_account_day.queries is 'How many answers of video/query it had.';
comment on column capture.deleted_account_day.query_hashes is 'Their SHA-256, 32 bytes each, in order.';

-- An entry follows from the one before it. As in 0023, with the parts that are new.
create or replace function capture.follows_the_chain() returns trigger
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
            )
            || case when new.deleted <> 0 then concat(e'\n', new.deleted, e'\n', new.deleted_hash) else '' end
            || case
                when new.queries <> 0 then concat(e'\nqueries\n', new.queries, e'\n', new.queries_hash) else ''
            end
            || case when new.accounts_hash <> '' then concat(e'\naccounts\n', new.accounts_hash) else '' end,
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
            new.captured_hash, new.gaps_hash, new.pages_hash, new.imported_hash, new.queries, new.queries_hash,
            new.accounts_hash
        ) is distinct from (
            latest.account_days, latest.captured, latest.imported, latest.gaps, latest.items, latest.pages,
            latest.imported_rows, latest.captured_hash, latest.gaps_hash, latest.pages_hash, latest.imported_hash,
            latest.queries, latest.queries_hash, latest.accounts_hash
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
