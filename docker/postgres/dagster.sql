-- Dagster's own database, beside ours; run once, when the server's volume is new.
create database tiktok_dagster;
