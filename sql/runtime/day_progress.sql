-- How far a day is. One row: how many account-days it has, and how many of them are still to be captured.
select
    count(*) as account_days,
    count(*) filter (where state in ('planned', 'capturing') and chosen_capture_no is null) as open
from capture.account_day
where day = %(day)s
