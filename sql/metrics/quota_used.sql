-- A row per endpoint: requests of the last 60 seconds, those that have their permit already among them.
select
    s.endpoint,
    count(*) as value
from ops.quota_slot as s
where
    s.used_at > ops.now() - interval '60 seconds'
    and s.endpoint not like '%% scheduled'
group by s.endpoint
order by s.endpoint
