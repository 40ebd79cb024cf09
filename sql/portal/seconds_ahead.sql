-- One row: how many seconds an instant (unix seconds) is ahead by the database's clock; negative: it is over.
select (%(instant)s - extract(epoch from ops.now()))::float8 as seconds
