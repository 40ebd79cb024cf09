-- No row. A part of a table was derived and has changed; events/tell_derived makes one event of all the parts.
insert into ops.derived (derivation, table_name, first_day, last_day, changed_rows)
values (%(derivation)s, %(table)s, %(first)s, %(last)s, %(changed)s)
