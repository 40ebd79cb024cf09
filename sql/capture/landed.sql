-- Whether a page has landed already, when its commit was not heard of. One row if so.
select 1 as landed
from capture.account_day as d
inner join capture.page as p
    on
        d.account_id = p.account_id
        and d.endpoint = p.endpoint
        and d.day = p.day
        and d.capture_no = p.capture_no
where
    d.account_id = %(account_id)s
    and d.endpoint = %(endpoint)s
    and d.day = %(day)s
    and (d.owner = %(owner)s or d.state = 'captured')
    and d.pages = %(page_no)s + 1
    and p.page_no = %(page_no)s
    and p.body = %(body)s::jsonb
