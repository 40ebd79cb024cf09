-- No row. From now on this is the portal's secret.
insert into ops.portal_secret (check_value)
values (%(check_value)s)
on conflict (only_one) do update set
    check_value = excluded.check_value,
    registered_at = excluded.registered_at
