-- A row while accounts wait for a person to connect them again. That one must be, and that it was, is told for each by
-- itself, with a link; this reminds.
select
    'accounts' as cause,
    'warning' as severity,
    format('%%s accounts wait to be reconnected', count(*)) as subject,
    'Their days are lost until somebody does. tiktok-pipeline reconnect --all makes new links and sends them.' as body,
    count(*) as count,
    to_jsonb(
        (
            array_agg(
                format(
                    '%%s, account %%s, since %%s',
                    a.store_code, a.id, to_char(a.status_changed_at at time zone %(zone)s, 'YYYY-MM-DD')
                )
                order by a.status_changed_at, a.id
            )
        )[1:5]
    ) as examples,
    interval '0' as settle,
    interval '10 minutes' as away,
    true as told_elsewhere
from hub.store_accounts as a
where a.status = 'NEED_RECONNECT'
having count(*) > 0
