-- No row. Forgets a batch of jobs that were over so many days ago.
delete from ops.sync_job
where id in (
    select id
    from ops.sync_job
    where finished_at < ops.now() - make_interval(days => %(keep_days)s)
    limit 1000
)
