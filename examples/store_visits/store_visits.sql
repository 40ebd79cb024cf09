-- One row is a store and day: its visitors, as the door counters counted them.
create schema if not exists visits;
create table if not exists visits.store_visits (
    store_code text not null references hub.stores on delete cascade,
    snapshot_date date not null,
    visitors bigint not null check (visitors >= 0),
    primary key (snapshot_date, store_code)
);
-- one day, saved:
with counted as (
    select
        store_code,
        visitors
    from unnest(%(stores)s::text[], %(visitors)s::bigint[]) as counted (store_code, visitors)
    inner join hub.stores using (store_code)
),

gone as (
    delete from visits.store_visits
    where snapshot_date = %(day)s
        and store_code not in (select store_code from counted)
)

insert into visits.store_visits (store_code, snapshot_date, visitors)
select
    store_code,
    %(day)s,
    visitors
from counted
on conflict (snapshot_date, store_code) do update
set visitors = excluded.visitors
