-- No row. TikTok refuses the account's app: no account's refresh is tried until the stop has passed.
-- Of several refusals at once the first counts; one that comes after a stop doubles the next.
insert into vault.refresh_stop as stop (client_key, stopped_until)
select
    client_key,
    ops.now() + make_interval(secs => %(first_wait)s)
from hub.store_accounts
where id = %(account_id)s
on conflict (client_key) do update set
    refusals = stop.refusals + 1,
    stopped_until = ops.now() + make_interval(
        secs => least(%(longest_wait)s::float8, %(first_wait)s::float8 * power(2, least(stop.refusals, 30)))
    )
where stop.stopped_until <= ops.now()
