-- Counters that are none: negative, a text, a fraction, or beyond 2^63. They are NULL in the snapshot.
-- table: capture.user_info, capture.video_list
-- severity: warning: no wrong number reaches a report, but TikTok has changed or is failing
-- what to do: look at the answer in capture.page and capture today again with force: true; what stays is a format that TikTok changed
-- counts: profiles or videos
-- A row is an account and day that was captured.
select
    day,
    account_id,
    items as checked,
    least(refused, items) as failing,
    format('%%s counters refused', refused) as example
from capture.account_day
where
    endpoint = %(endpoint)s
    and day between %(first)s and %(last)s
    and state = 'captured'
