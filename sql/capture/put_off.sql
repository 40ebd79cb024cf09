-- Put off what is open of a day and in nobody's hands, because TikTok answers nobody. A row of the result is such an
-- account-day. Its state stays; the reason is what its gap says if no later run comes to it.
update capture.account_day as d
set
    reason = 'provider_down',
    error_code = 'circuit_open',
    error_message = %(error_message)s
where
    d.endpoint = %(endpoint)s
    and d.day = %(day)s
    and d.owner is null
    and (%(accounts)s::bigint[] is null or d.account_id = any(%(accounts)s::bigint[]))
    and capture.is_open(d, %(grace)s)
returning d.account_id
