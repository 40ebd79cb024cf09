-- The past days that need no import. A row is an account and day with a profile captured or imported.
select
    account_id,
    day
from capture.account_day
where
    endpoint = 'user_info'
    and day between %(first)s and %(last)s
    and (state = 'imported' or chosen_capture_no is not null)
