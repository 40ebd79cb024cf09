-- Where rows wait to be imported: a row is a profile or a video of an account-day. Gone with the connection.
-- item_id is null where only the account-day is said: it was looked at, and there was no video.
create temporary table staged (
    endpoint text not null,
    day date not null,
    account_id bigint not null,
    item_id text,
    fields jsonb,
    observed_at timestamptz,
    line bigint not null
)
