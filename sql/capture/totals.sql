-- Where a range of days stands. A row is a day that the ledger knows, with its account-days by state.
select
    day,
    count(*) as account_days,
    count(*) filter (where chosen_capture_no is not null) as captured,
    count(*) filter (where state = 'imported') as imported,
    count(*) filter (where state = 'failed') as failed,
    count(*) filter (where state in ('planned', 'capturing') and chosen_capture_no is null) as open,
    count(*) filter (where state = 'gap') as gaps,
    count(*) filter (where state in ('failed', 'gap') and reason in ('not_yet_connected', 'cancelled')) as unexpected,
    count(*) filter (where late) as late,
    coalesce(sum(pages), 0)::bigint as pages,
    coalesce(sum(items), 0)::bigint as items,
    coalesce(sum(refused), 0)::bigint as refused,
    array_agg(distinct reason order by reason) filter (where reason is not null) as reasons
from capture.account_day
where
    endpoint = %(endpoint)s
    and day between %(first)s and %(last)s
group by day
order by day
