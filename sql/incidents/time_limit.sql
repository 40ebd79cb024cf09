-- No row of use. Ends a statement of this transaction that takes longer.
select set_config('statement_timeout', %(limit)s, true)
