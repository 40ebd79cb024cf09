-- Take account-days from workers that died with them in hand: their lease ran out and was not given back. A row of the
-- result is one; it is failed when it was in the hands of three dead workers, without a page or a failure in between.
with died as (
    select
        account_id,
        endpoint,
        day
    from capture.account_day
    where
        endpoint = %(endpoint)s
        and day = %(day)s
        and state = 'capturing'
        and lease_until < ops.now()
        and owner <> %(owner)s
    for update skip locked
)

update capture.account_day as d
set
    deaths = d.deaths + 1,
    owner = null,
    lease_until = null,
    state = case when d.deaths < 2 then d.state when d.chosen_capture_no is null then 'failed' else 'captured' end,
    (pages, items) = (
        select
            l.pages,
            l.items
        from capture.landed(d) as l
        where d.deaths >= 2
        union all
        select
            d.pages,
            d.items
        where d.deaths < 2
    ),
    reason = case when d.deaths < 2 then d.reason when d.chosen_capture_no is null then 'missed' end,
    final = d.final or d.deaths >= 2,
    error_code = case when d.deaths < 2 then d.error_code else 'poison' end,
    error_message = case
        when d.deaths < 2 then d.error_message
        else 'three workers in a row died with it in hand; tiktok-pipeline failed retry --cause poison tries once more'
    end,
    http_status = case when d.deaths < 2 then d.http_status end,
    log_id = case when d.deaths < 2 then d.log_id end,
    finished_at = case when d.deaths < 2 then d.finished_at else ops.now() end
from died
where
    d.account_id = died.account_id
    and d.endpoint = died.endpoint
    and d.day = died.day
returning
    d.account_id,
    d.state,
    d.error_message
