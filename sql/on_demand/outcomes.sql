-- What has become of each account-day of a job, by the ledger; state none: no run came to it yet.
select
    a.id as account_id,
    a.store_code,
    e.endpoint,
    coalesce(d.state, 'none') as state,
    coalesce(d.attempts, 0) as attempts,
    coalesce(d.pages, 0) as pages,
    d.captured_at,
    d.reason,
    d.error_code,
    d.error_message
from ops.sync_job as j
cross join unnest(j.account_ids) as wanted (account_id)
cross join unnest(
    case j.module when 'all' then array['user_info', 'video_list'] else array[j.module] end
) as e (endpoint)
inner join hub.store_accounts as a on wanted.account_id = a.id
left join capture.account_day as d
    on
        a.id = d.account_id
        and e.endpoint = d.endpoint
        and j.day = d.day
where j.id = %(id)s
order by a.id, e.endpoint
limit 1000
