"""The ledger of account-days and the loop that captures them."""
