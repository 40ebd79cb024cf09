-- What helps is said with each failed check; and what is told as an incident is broken now, too.
-- depends: 0028.checks 0041.told-count

alter table reporting.quality_results add column what_to_do text not null default '';

comment on column reporting.quality_results.what_to_do is 'What helps when it fails.';

create or replace view reporting.broken_now as
with today as (
    select
        ops.day_of(ops.now(), d.time_zone) as day,
        d.time_zone
    from capture.account_day as d
    order by
        d.endpoint desc,
        d.day desc,
        d.account_id desc
    limit 1
),

-- Of each check the newest verdict; what failed on older days is in reporting.quality_results.
newest as (
    select distinct on (table_name, check_name) *
    from reporting.quality_results
    order by
        table_name,
        check_name,
        day desc
)

select
    'reconnect' as kind,
    'accounts whose grant has ended' as what,
    min(a.status_changed_at) as since,
    count(*) as count,
    (array_agg(format('account %s (store %s)', a.id, a.store_code) order by a.status_changed_at, a.id))[1] as example,
    'tiktok-pipeline reconnect --all makes a link for each store' as what_to_do
from hub.store_accounts as a
where a.status = 'NEED_RECONNECT'
having count(*) > 0

union all

select
    'account_error',
    'accounts whose captures keep failing',
    min(a.status_changed_at),
    count(*),
    (array_agg(format('account %s (store %s)', a.id, a.store_code) order by a.status_changed_at, a.id))[1],
    'tiktok-pipeline failed list says why'
from hub.store_accounts as a
where a.status = 'ERROR'
having count(*) > 0

union all

select
    'failed_capture',
    format('%s: %s', f.endpoint, coalesce(f.error_code, f.reason)),
    f.oldest_at,
    f.account_days,
    format('account %s (store %s): %s', f.example_account_id, f.example_store_code, f.example_message),
    case
        when f.newest_day < t.day then 'nothing: the day has passed, and the next run notes the gap'
        when f.final then 'mend the cause, then tiktok-pipeline failed retry'
        else 'nothing: it is tried again until the day ends'
    end
from reporting.failed_captures as f
cross join today as t

union all

select
    'gap',
    format('%s of %s: %s', d.endpoint, d.day, coalesce(d.reason, 'not closed yet')),
    ops.day_start(d.day, t.time_zone),
    count(*),
    (array_agg(format('account %s (store %s)', d.account_id, a.store_code) order by d.account_id))[1],
    'nothing brings the day back; mend the cause, so that today does not follow'
from today as t
inner join capture.account_day as d on d.day = t.day - 1
inner join hub.store_accounts as a on d.account_id = a.id
where
    d.state in ('gap', 'planned')
    and d.reason is distinct from 'cancelled'
    and d.reason is distinct from 'not_yet_connected'
group by
    d.endpoint,
    d.day,
    d.reason,
    t.time_zone

union all

select
    'check',
    format('%s of %s, %s', q.check_name, q.table_name, q.severity),
    q.failing_since,
    coalesce(q.failing, 1),
    format('%s: %s', q.day, q.message),
    coalesce(nullif(q.what_to_do, ''), 'docs/quality.md says what the check means')
from newest as q
where
    not q.passed
    and q.severity <> 'info'

union all

select
    'quarantine',
    format('%s left out by %s', q.endpoint, q.check_name),
    min(q.since),
    count(*),
    (
        array_agg(
            format('account %s (store %s) on %s: %s', q.account_id, a.store_code, q.day, q.reason)
            order by q.day desc, q.account_id
        )
    )[1],
    'capture today again with force: true, or tiktok-pipeline quarantine release'
from snapshots.quarantine as q
inner join hub.store_accounts as a on q.account_id = a.id
where q.released_at is null
group by
    q.endpoint,
    q.check_name

union all

-- What is open and has no line above.
select
    'incident',
    i.subject,
    i.first_seen_at,
    i.count,
    i.examples ->> 0,
    i.body
from ops.incident as i
where
    i.resolved_at is null
    and i.missing_since is null
    and i.kind not in ('reconnect_open', 'failed_captures', 'quarantined')
    and not (
        i.kind = 'check_failed'
        and exists (
            select
            from newest as q
            where q.table_name || '.' || q.check_name = i.cause and not q.passed
        )
    )
    and not (
        i.kind = 'gaps'
        and exists (
            select
            from today as t
            inner join capture.account_day as d on d.day = t.day - 1
            where
                d.state in ('gap', 'planned')
                and coalesce(d.reason, 'missed') = i.cause
        )
    );

comment on column reporting.broken_now.kind is
'reconnect, account_error, failed_capture, gap (of the latest day), check, quarantine, or incident: what else operators were told of.';
