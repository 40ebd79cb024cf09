-- Take from the staged days those rows whose account-day was imported before, without them: it is final. A row of the
-- result is one of them.
delete from staged as s
using capture.account_day as d
where
    s.day between %(first)s and %(last)s
    and s.item_id is not null
    and d.account_id = s.account_id
    and d.endpoint = s.endpoint
    and d.day = s.day
    and d.state = 'imported'
    and not exists (
        select
        from capture.imported as i
        where
            i.account_id = s.account_id
            and i.endpoint = s.endpoint
            and i.day = s.day
            and i.item_id = s.item_id
    )
returning s.endpoint, s.day, s.account_id, s.line, s.fields
