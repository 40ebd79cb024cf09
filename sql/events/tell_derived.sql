-- No row. The event snapshot.completed of what this derivation has changed, and of what others that died have left.
-- `captured` and `missing` are account-days of its dates; what nobody missed is not counted.
with parts as (
    delete from ops.derived
    where
        derivation = %(derivation)s
        or noted_at < ops.now() - interval '10 minutes'
    returning
        derivation,
        table_name,
        first_day,
        last_day,
        changed_rows
),

changes as (
    select
        table_name,
        min(first_day) as first_day,
        max(last_day) as last_day,
        sum(changed_rows)::bigint as changed_rows
    from parts
    group by
        derivation,
        table_name
)

insert into ops.event (event_type, subject, data)
select
    'snapshot.completed',
    'table:' || c.table_name,
    jsonb_build_object(
        'table', c.table_name,
        'first_day', c.first_day,
        'last_day', c.last_day,
        'changed_rows', c.changed_rows,
        'captured', d.captured,
        'missing', d.missing
    )
from changes as c
cross join lateral (
    select
        count(*) filter (where a.state in ('captured', 'imported')) as captured,
        count(*) filter (
            where
                a.state not in ('captured', 'imported')
                and coalesce(a.reason, '') not in ('not_yet_connected', 'cancelled')
        ) as missing
    from capture.account_day as a
    where a.day between c.first_day and c.last_day
) as d
