-- Keep an answer of video/query as evidence, while its day lasts. A row of the result is the answer that was kept.
insert into capture.video_query (account_id, day, time_zone, asked, body, log_id, run_id)
select
    %(account_id)s,
    %(day)s,
    %(zone)s,
    %(asked)s::text[],
    %(body)s::jsonb,
    %(log_id)s,
    %(run_id)s
where ops.day_of(ops.now(), %(zone)s) = %(day)s
returning id
