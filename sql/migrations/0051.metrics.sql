-- Metrics: what short-lived processes count.
-- depends: 0050.events

create table ops.tiktok_request (
    endpoint text not null,
    status text not null,
    requests bigint not null default 0,
    primary key (endpoint, status)
);

comment on table ops.tiktok_request is 'One row per endpoint and outcome: how many requests were sent to TikTok, for ever.';
comment on column ops.tiktok_request.endpoint is
'The path, e.g. /v2/video/list/; of the token endpoint with what was asked of it, e.g. refresh_token.';
comment on column ops.tiktok_request.status is 'The HTTP status, or why there was none: network_error, deadline.';
comment on column ops.tiktok_request.requests is 'How many.';
