-- Accounts in service of a store, or one account, of which the latest profile or list is older than so many hours, and
-- that a capture could help today.
select a.id as account_id
from hub.store_accounts as a
cross join unnest(array['user_info', 'video_list']) as e (endpoint)
left join capture.account_day as d
    on
        a.id = d.account_id
        and e.endpoint = d.endpoint
        and d.day = ops.day_of(ops.now(), %(zone)s)
where
    a.status in ('CONNECTED', 'ERROR')
    and (%(store)s::text is null or a.store_code = %(store)s::text)
    and (%(account)s::bigint is null or a.id = %(account)s::bigint)
    and (
        d.account_id is null
        or d.state in ('planned', 'capturing')
        or (d.state = 'failed' and not d.final)
    )
    and not exists (
        select
        from capture.account_day as seen
        where
            seen.account_id = a.id
            and seen.endpoint = e.endpoint
            and seen.day > ops.day_of(ops.now() - make_interval(hours => %(hours)s), %(zone)s) - 1
            and seen.captured_at > ops.now() - make_interval(hours => %(hours)s)
    )
group by a.id
order by a.id
