-- What a complete capture has landed can be counted again from its pages, when a fresh one has not become complete.
-- depends: 0012.ledger

create function capture.landed(d capture.account_day, out pages integer, out items integer)
language sql stable parallel safe
as $$
select
    count(*)::integer,
    coalesce(
        sum(
            case
                when p.endpoint = 'user_info' then 1
                when jsonb_typeof(p.body #> '{data,videos}') = 'array' then jsonb_array_length(p.body #> '{data,videos}')
                else 0
            end
        ),
        0
    )::integer
from capture.page as p
where
    p.endpoint = d.endpoint
    and p.day = d.day
    and p.account_id = d.account_id
    and p.capture_no = d.chosen_capture_no
having d.chosen_capture_no is not null
union all
select
    d.pages,
    d.items
where d.chosen_capture_no is null
$$;

comment on function capture.landed is 'Pages and items of the chosen capture; without one, of what has landed so far.';
