-- No row. Adds what a process has sent to TikTok.
insert into ops.tiktok_request as t (endpoint, status, requests)
select
    sent.endpoint,
    sent.status,
    sent.requests
from jsonb_to_recordset(%(sent)s) as sent (endpoint text, status text, requests bigint)
order by
    sent.endpoint,
    sent.status
on conflict (endpoint, status) do update
set requests = t.requests + excluded.requests
