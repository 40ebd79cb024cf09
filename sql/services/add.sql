-- One row when the service is new; none when the name is taken, by a revoked service too.
insert into ops.service (name, secret_hash, scopes, stores)
values (%(name)s, %(secret_hash)s, %(scopes)s, %(stores)s)
on conflict (name) do nothing
returning name
