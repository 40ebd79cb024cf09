-- Nothing is sealed with a key that is retired: a process that missed its successor must not save what nobody opens.
-- depends: 0007.keys

-- With database roles (sql/roles.sql), only vault may change what is in its schema, and migrator may become it.
do $$
begin
    if exists (select from pg_namespace where nspname = 'vault' and pg_get_userbyid(nspowner) = 'vault') then
        set local role vault;
    end if;
end
$$;

create function vault.refuse_retired_keys()
returns trigger
language plpgsql
as $$
declare
    named record;
begin
    -- Held until the token is committed, so that the key is not retired in between.
    for named in
        select key_id, state
        from vault.key
        where key_id in (vault.key_of(new.access_token), vault.key_of(new.refresh_token))
        order by key_id
        for key share
    loop
        if named.state = 'retired' then
            raise exception 'key % is retired', lpad(to_hex(named.key_id), 8, '0')
            using errcode = 'check_violation', constraint = 'sealed_with_a_key_that_opens';
        end if;
    end loop;
    return new;
end
$$;

comment on function vault.refuse_retired_keys() is 'Refuses a token that is sealed with a retired key.';

create trigger refuse_retired_keys
before insert or update of access_token, refresh_token on vault.token
for each row execute function vault.refuse_retired_keys();
