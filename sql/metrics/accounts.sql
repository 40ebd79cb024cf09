-- A row per status.
select
    s.status,
    count(a.id) as value
from unnest(array['CONNECTED', 'NEED_RECONNECT', 'ERROR', 'DISABLED']) as s (status)
left join hub.store_accounts as a on a.status = s.status
group by s.status
order by s.status
