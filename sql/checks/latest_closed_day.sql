-- The latest day that is over has data of every account: a standing alarm, which no run for older days can clear.
-- table: capture.user_info, capture.video_list
-- days: latest closed
-- severity: warning: the day cannot be captured any more; what it lacks has a cause that today may share
-- what to do: nothing brings the day back; `tiktok-pipeline failed list` and the runs of that day say why, so that today does not follow
-- counts: accounts
-- A row is an account that was connected by that day and not disabled.
select
    l.day,
    a.id as account_id,
    1 as checked,
    (d.state is null or d.state not in ('captured', 'imported'))::integer as failing,
    format(
        '%%s; last captured %%s',
        coalesce(d.reason, d.state, 'no run came to it'),
        coalesce(
            (
                select max(c.day)
                from capture.account_day as c
                where
                    c.account_id = a.id
                    and c.endpoint = %(endpoint)s
                    and c.state in ('captured', 'imported')
            )::text,
            'never'
        )
    ) as example
from (select %(last)s::date as day) as l
inner join hub.store_accounts as a on ops.day_of(greatest(a.connected_at, a.known_since), %(zone)s) <= l.day
left join capture.account_day as d
    on
        a.id = d.account_id
        and d.endpoint = %(endpoint)s
        and l.day = d.day
where
    coalesce(d.reason, '') not in ('cancelled', 'not_yet_connected')
    and not (d.state is null and a.status = 'DISABLED')
