-- Account-days of a day by endpoint: how many are in which state.
select
    endpoint,
    (count(*) filter (where state = 'planned'))::integer as planned,
    (count(*) filter (where state = 'capturing'))::integer as capturing,
    (count(*) filter (where state in ('captured', 'imported')))::integer as captured,
    (count(*) filter (where state = 'failed'))::integer as failed,
    (count(*) filter (where state = 'gap'))::integer as gap
from capture.account_day
where day = %(day)s
group by endpoint
order by endpoint
