-- What a message has beside its text, for channels that show more than text.
-- depends: 0014.delivery

create table ops.attachment (
    outbox_id bigint not null references ops.outbox (id) on delete cascade,
    name text not null,
    media_type text not null,
    content bytea not null,
    primary key (outbox_id, name)
);

comment on table ops.attachment is
'One row per part of a message beside its text: its HTML, its pictures. They go when the message is sent.';
comment on column ops.attachment.outbox_id is 'The message: ops.outbox.id.';
comment on column ops.attachment.name is 'The name of the part, as a file has it; the HTML shows a picture as cid:<name>.';
comment on column ops.attachment.media_type is 'text/html or image/png.';
comment on column ops.attachment.content is 'The part itself; text is UTF-8.';
