-- What a rule found, by day. A row is a day that it looked at anything of, with a few examples, the worst first.
select
    day,
    sum(checked)::bigint as checked,
    sum(failing)::bigint as failing,
    count(*) filter (where failing > 0 and account_id is not null) as accounts,
    coalesce(
        jsonb_agg(
            jsonb_strip_nulls(
                jsonb_build_object('account_id', account_id, 'store_code', store_code, 'failing', failing, 'example', example)
            )
            order by place
        ) filter (where failing > 0 and place <= %(examples)s),
        '[]'
    ) as examples
from (
    select
        f.*,
        a.store_code,
        row_number() over (partition by f.day order by f.failing desc, f.account_id) as place
    from pg_temp.finding as f
    left join hub.store_accounts as a on f.account_id = a.id
) as placed
group by day
