-- No row. Notes what was done about incidents: told, so that the next reminder is after 1, 3 and 7 days, then weekly; or
-- over. What was over before anybody was told is forgotten.
with done as (
    select
        d.id,
        d.what
    from jsonb_to_recordset(%(done)s) as d (id bigint, what text)
),

forgotten as (
    delete from ops.incident as i
    using done as d
    where i.id = d.id and d.what = 'flicker'
)

update ops.incident as i
set
    resolved_at = case when d.what = 'over' then ops.now() end,
    told = i.told + (d.what <> 'over')::integer,
    told_at = case when d.what = 'over' then i.told_at else ops.now() end,
    told_severity = case when d.what = 'over' then i.told_severity else i.severity end,
    told_count = case when d.what = 'over' then i.told_count else greatest(i.told_count, i.count) end,
    told_members = case
        when d.what = 'over' then i.told_members
        else (
            select coalesce(jsonb_agg(member), '[]')
            from (
                select jsonb_array_elements_text(i.told_members)
                union
                select jsonb_array_elements_text(i.members)
            ) as every (member)
        )
    end,
    next_reminder_at = case
        when d.what <> 'over'
            then ops.now() + case i.told when 0 then interval '1 day' when 1 then interval '3 days' else interval '7 days' end
    end
from done as d
where i.id = d.id and d.what <> 'flicker'
