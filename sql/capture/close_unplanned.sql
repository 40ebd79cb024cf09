-- Close past days: an account that was never planned has a gap. A row of the result is such an account-day.
-- Days before the account was connected are written only when somebody asks for those days.
with expected as (
    select
        a.id as account_id,
        d.day::date as day,
        case
            when d.day < ops.day_of(a.connected_at, %(zone)s) then 'not_yet_connected'
            when d.day < ops.day_of(a.status_changed_at, %(zone)s) then 'missed'
            when a.status = 'DISABLED' then 'cancelled'
            when a.status = 'NEED_RECONNECT' then 'needs_reconnect'
            else 'missed'
        end as reason
    from hub.store_accounts as a
    cross join
        generate_series(
            case
                when %(before_connection)s then %(first)s::date
                else greatest(%(first)s::date, ops.day_of(a.connected_at, %(zone)s))
            end,
            least(%(last)s::date, ops.day_of(ops.now(), %(zone)s) - 1),
            interval '1 day'
        ) as d (day)
)

insert into capture.account_day (account_id, endpoint, day, time_zone, state, reason, run_id, finished_at)
select
    e.account_id,
    %(endpoint)s,
    e.day,
    %(zone)s,
    'gap',
    e.reason,
    %(run_id)s,
    ops.now()
from expected as e
where not exists (
    select 1
    from capture.account_day as d
    where
        d.account_id = e.account_id
        and d.endpoint = %(endpoint)s
        and d.day = e.day
)
on conflict do nothing
returning account_id, day
