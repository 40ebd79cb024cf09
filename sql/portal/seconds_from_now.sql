-- One row: how many seconds an instant (unix seconds) is away, behind or ahead, by the database's clock.
select abs(extract(epoch from ops.now()) - %(instant)s)::float8 as seconds
