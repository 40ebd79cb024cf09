-- One row when refreshes had been stopped and go on now: TikTok has accepted the account's app.
delete from vault.refresh_stop as stop
using hub.store_accounts as account
where
    account.id = %(account_id)s
    and stop.client_key = account.client_key
returning stop.client_key
