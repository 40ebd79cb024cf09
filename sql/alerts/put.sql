-- Write messages. A row of the result is the key of one that is new; what was said before is not said again.
insert into ops.outbox (key, kind, severity, recipient, store_code, account_id, subject, body, details)
select
    message.key,
    message.kind,
    message.severity,
    message.recipient,
    message.store_code,
    message.account_id,
    message.subject,
    message.body,
    message.details
from jsonb_to_recordset(%(messages)s) as message (
    key text,
    kind text,
    severity text,
    recipient text,
    store_code text,
    account_id bigint,
    subject text,
    body text,
    details jsonb
)
on conflict (key) do nothing
returning key
