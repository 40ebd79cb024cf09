-- No row. Forgets at most a hundred buckets that mean nothing any more; a call for each attempt keeps the table small.
delete from ops.attempt
where bucket in (
    select bucket
    from ops.attempt
    where forget_at < ops.now()
    limit 100
    for update skip locked
)
