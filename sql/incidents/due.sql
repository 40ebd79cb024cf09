-- One row per incident about which something is to be done, oldest first: `what` is new, worse, others, reminder, over, or
-- flicker, which is over before anybody was told. Worse is a higher severity, or twice as many as were told and 3 more;
-- others are `newcomers` among its members, whom it was never told of.
select
    id,
    kind,
    cause,
    severity,
    subject,
    body,
    count,
    examples,
    newcomers,
    told_elsewhere,
    told,
    first_seen_at,
    what
from (
    select
        i.*,
        n.newcomers,
        case
            when i.missing_since <= ops.now() - i.away and i.told = 0 then 'flicker'
            when i.missing_since <= ops.now() - i.away then 'over'
            when i.missing_since is not null then null
            when i.told = 0 and i.settle = interval '0' then 'new'
            when i.told = 0 and i.seen > 1 and i.first_seen_at <= ops.now() - i.settle then 'new'
            when i.told = 0 then null
            when i.severity <> i.told_severity and (i.severity = 'error' or i.told_severity = 'info') then 'worse'
            when i.count >= greatest(2 * i.told_count, i.told_count + 3) then 'worse'
            when i.told_members <> '[]' and n.newcomers <> '[]' then 'others'
            when i.next_reminder_at <= ops.now() then 'reminder'
        end as what
    from ops.incident as i
    cross join lateral (
        select coalesce(jsonb_agg(member order by member), '[]') as newcomers
        from (
            select jsonb_array_elements_text(i.members)
            except
            select jsonb_array_elements_text(i.told_members)
        ) as others (member)
    ) as n
    where i.resolved_at is null and i.kind = %(kind)s
) as open_ones
where what is not null
order by id
