-- One row: what tells the portal's secret from another, null while there is none; and whether links were made with it.
select
    (select check_value from ops.portal_secret) as check_value,
    exists (select from ops.connect_link) as links_were_made
