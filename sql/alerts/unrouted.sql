-- One row per message that waits and whose deliveries were written for other channels than there are now, or not yet. Not
-- what is older than three days: a channel that is new has no use for it.
select
    id,
    kind,
    severity,
    recipient,
    details ->> 'channel' as about_channel
from ops.outbox
where
    sent_at is null
    and muted_at is null
    and given_up_at is null
    and created_at > ops.now() - interval '3 days'
    and routed_for is distinct from %(routed_for)s
order by id
limit %(most)s
