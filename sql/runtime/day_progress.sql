-- How far a day is. One row: its account-days by what became of them, and what was captured.
select
    count(*) as account_days,
    count(*) filter (where chosen_capture_no is not null or state = 'imported') as captured,
    count(*) filter (where state = 'failed' and chosen_capture_no is null) as failed,
    count(*) filter (where state = 'gap') as gaps,
    count(*) filter (where state in ('planned', 'capturing') and chosen_capture_no is null) as open,
    coalesce(sum(pages), 0)::bigint as pages,
    coalesce(sum(items) filter (where endpoint = 'video_list'), 0)::bigint as videos
from capture.account_day
where day = %(day)s
