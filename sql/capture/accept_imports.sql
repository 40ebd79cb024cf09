-- Take imported account-days into the ledger. A row of the result is one that may be imported.
-- What was captured, or imported before, stays; a gap is filled; only past days are taken.
insert into capture.account_day (account_id, endpoint, day, time_zone, state, finished_at)
select
    i.account_id,
    e.endpoint,
    i.day,
    %(zone)s,
    'imported',
    ops.now()
from unnest(%(account_ids)s::bigint[], %(days)s::date[]) as i (account_id, day)
cross join unnest(array['user_info', 'video_list']) as e (endpoint)
where i.day < ops.day_of(ops.now(), %(zone)s)
on conflict (account_id, endpoint, day) do update
set
    state = 'imported',
    reason = null,
    finished_at = excluded.finished_at
where account_day.state = 'gap'
returning account_id, endpoint, day
