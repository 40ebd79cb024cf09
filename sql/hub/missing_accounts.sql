-- One row per number among those given that is no account's.
select wanted as id
from unnest(%(account_ids)s::bigint[]) as wanted
where not exists (select 1 from hub.store_accounts as a where a.id = wanted)
order by wanted
