-- A row per TikTok app whose daily capture does not fit its window, or will not within two weeks. `forecasts` is what
-- the forecast says of each app.
select
    f.client_key as cause,
    case when f.fits then 'warning' else 'error' end as severity,
    case
        when f.fits then format('the daily capture fits its window only until %%s', f.fits_until)
        else 'the daily capture does not fit its window'
    end as subject,
    f.words || '. Ask TikTok for a higher limit (TIKTOK_REQUESTS_PER_MINUTE), give it more time '
    '(CAPTURE_WINDOW_MINUTES), or spread the accounts over more apps.' as body,
    f.accounts as count,
    '[]'::jsonb as examples,
    interval '0' as settle,
    interval '6 hours' as away,
    false as told_elsewhere
from jsonb_to_recordset(%(forecasts)s) as f (client_key text, accounts bigint, fits boolean, fits_until date, words text)
where
    not f.fits
    or f.fits_until <= ops.day_of(ops.now(), %(zone)s) + 14
