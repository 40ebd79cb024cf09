-- One row: the store that was deleted. Its accounts, their tokens and all that was captured of them go with it.
delete from hub.stores
where store_code = %(store_code)s
returning store_code
