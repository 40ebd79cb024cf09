-- Where a rule's rows stand while they are judged; only this transaction sees them. No row comes back.
create temporary table finding (
    day date not null,
    account_id bigint,
    checked bigint not null,
    failing bigint not null,
    example text
) on commit drop
