-- The new job; over at once when there is nothing to do.
insert into ops.sync_job (
    module, store_code, account_ids, day, since, release, origin, asked_by, request_id, idempotency_key, cost,
    state, finished_at
)
values (
    %(module)s,
    %(store)s,
    %(account_ids)s,
    ops.day_of(ops.now(), %(zone)s),
    %(since)s,
    %(release)s,
    %(origin)s,
    %(asked_by)s,
    %(request_id)s,
    %(idempotency_key)s,
    %(cost)s,
    case when %(cost)s = 0 then 'done' else 'waiting' end,
    case when %(cost)s = 0 then ops.now() end
)
returning *
