-- Make the monthly partitions that the pipeline is about to need. One row: how many were made.
select ops.ensure_partitions(%(first)s, %(last)s) as made
