"""History from elsewhere: the tables of the hub, read from files or its database, checked row by row, and imported.

`sources` reads, `values` and `rows` check, `people` adds stores and accounts, `history` brings it all together. What
an imported day is to the ledger is said in `capture.imports`.
"""
