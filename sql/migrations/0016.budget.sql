-- The quota for real life: a share for callers for whom a person waits, and a circuit that opens while TikTok is down.
-- depends: 0005.quota 0011.reporting

comment on column ops.quota.endpoint is
'The path, e.g. /v2/video/list/; followed by " scheduled", the part of it that scheduled callers may use.';
comment on column ops.quota_slot.endpoint is
'The path, e.g. /v2/video/list/; followed by " scheduled", the part of it that scheduled callers may use.';

-- Closed while opened_at is null. Half-empty pages, so that a note of a success touches no index.
create table ops.circuit (
    client_key text not null,
    endpoint text not null,
    failures integer not null default 0 check (failures >= 0),
    last_error text,
    answered_at timestamptz,
    opened_at timestamptz,
    rest interval,
    probe_at timestamptz,
    prober uuid,
    probe_until timestamptz,
    primary key (client_key, endpoint),
    check ((opened_at is null) = (rest is null) and (opened_at is null) = (probe_at is null)),
    check ((prober is null) = (probe_until is null)),
    check (opened_at is not null or prober is null)
) with (fillfactor = 20);

comment on table ops.circuit is
'One row per TikTok app and endpoint: whether it answers. While the circuit is open, one probe at a time is sent.';
comment on column ops.circuit.client_key is 'The TikTok app.';
comment on column ops.circuit.endpoint is 'The path, e.g. /v2/video/list/.';
comment on column ops.circuit.failures is
'Calls in a row, of all processes, that got no answer or one that says TikTok itself is in trouble.';
comment on column ops.circuit.last_error is 'The code of the latest of them.';
comment on column ops.circuit.answered_at is 'When TikTok last answered in order; noted at most twice a second.';
comment on column ops.circuit.opened_at is 'When the circuit opened; NULL: it is closed.';
comment on column ops.circuit.rest is 'How long nobody sends after the latest failed probe; it grows.';
comment on column ops.circuit.probe_at is 'When the next probe may be sent.';
comment on column ops.circuit.prober is 'Who sends the probe that is under way.';
comment on column ops.circuit.probe_until is 'When another may send one, because the prober has vanished.';
