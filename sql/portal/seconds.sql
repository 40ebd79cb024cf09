-- One row: the seconds since 1970, as one-time codes count them.
select extract(epoch from ops.now())::double precision as seconds
