-- The schema of reports; its tables and views come with the reports.
-- depends: 0005.quota

create schema reporting;

comment on schema reporting is 'What BI tools read: tables and views made from the snapshots and the ledger.';
