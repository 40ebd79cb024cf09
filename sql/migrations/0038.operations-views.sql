-- What dashboards of operations ask and no report said yet: how fast pages came, and where the quota stands.
-- depends: 0016.budget 0030.reports

-- Ask with a range of days: the pages lie in one partition a month.
create view reporting.pages_by_minute as
select
    endpoint,
    day,
    date_trunc('minute', observed_at, 'UTC') as minute,
    count(*)::integer as pages
from capture.page
group by
    endpoint,
    day,
    date_trunc('minute', observed_at, 'UTC');

comment on view reporting.pages_by_minute is
'One row per endpoint, day and minute in which answers of TikTok landed; without imported days and archived months.';
comment on column reporting.pages_by_minute.endpoint is 'user_info (profile) or video_list (videos).';
comment on column reporting.pages_by_minute.day is 'The business day in the reporting time zone.';
comment on column reporting.pages_by_minute.minute is 'When the minute began.';
comment on column reporting.pages_by_minute.pages is 'Answers that landed in it; requests that failed are not among them.';

create view reporting.quota_now as
select
    q.client_key,
    q.endpoint,
    u.requests_last_minute,
    q.uses as requests,
    u.last_request_at,
    case when p.paused_until > ops.now() then p.paused_until end as paused_until,
    p.paused_at as last_refused_at,
    c.opened_at as down_since,
    c.last_error
from ops.quota as q
cross join lateral (
    select
        (count(*) filter (where s.used_at > ops.now() - interval '1 minute'))::integer as requests_last_minute,
        max(s.used_at) as last_request_at
    from ops.quota_slot as s
    where
        s.client_key = q.client_key
        and s.endpoint = q.endpoint
        and s.used_at <= ops.now()
) as u
left join ops.quota_pause as p
    on
        q.client_key = p.client_key
        and q.endpoint = p.endpoint
left join ops.circuit as c
    on
        q.client_key = c.client_key
        and q.endpoint = c.endpoint
-- The part of the quota that scheduled callers may use is counted in the whole, too.
where q.endpoint not like '% scheduled';

comment on view reporting.quota_now is 'One row per TikTok app and endpoint: how much of its quota is used, and whether it answers.';
comment on column reporting.quota_now.client_key is 'The TikTok app.';
comment on column reporting.quota_now.endpoint is 'The path, e.g. /v2/video/list/.';
comment on column reporting.quota_now.requests_last_minute is 'Requests sent in the last minute, of all callers.';
comment on column reporting.quota_now.requests is 'Requests sent or reserved since the beginning.';
comment on column reporting.quota_now.last_request_at is 'When the last of them was sent.';
comment on column reporting.quota_now.paused_until is 'Nobody sends before then, because TikTok answered 429; NULL: no pause.';
comment on column reporting.quota_now.last_refused_at is 'When TikTok last answered 429.';
comment on column reporting.quota_now.down_since is
'Since when nothing but single probes is sent, because TikTok does not answer; NULL: it does.';
comment on column reporting.quota_now.last_error is 'The code of its latest failure.';
