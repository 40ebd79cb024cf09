-- Two more outcomes of connecting: the link had done its work already, and the account is out of service.
-- depends: 0008.connecting

alter table ops.oauth_transaction drop constraint oauth_transaction_outcome_check;

alter table ops.oauth_transaction add constraint oauth_transaction_outcome_check check (
    outcome in (
        'connected', 'reduced', 'declined', 'wrong_account', 'conflict', 'failed', 'restarted', 'orphaned', 'spent',
        'disabled'
    )
);

comment on column ops.connect_link.account_id is
'The only account it may reconnect, also the one that it has connected itself; null: any account, also a new one.';
