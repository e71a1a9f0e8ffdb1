-- Messages that came from other servers: which of a source are here, by the name that the importer gives each, so that an
-- import that is begun again brings none twice. Kept for a time after it, then swept.
CREATE TABLE import_mark (
    mailbox bigint NOT NULL,
    source text COLLATE "C" NOT NULL,
    since bigint NOT NULL,
    PRIMARY KEY (mailbox, source)
);

CREATE INDEX import_mark_since ON import_mark (since);

-- Every foreign unique-id that a mailbox ever showed: none is taken twice, even when its message is gone (RFC 1939 §7).
-- "number" is the message number that looks the same, so that it is never given; of nearly all there is none.
CREATE TABLE foreign_unique_id (
    mailbox bigint NOT NULL,
    unique_id text COLLATE "C" NOT NULL,
    number bigint,
    PRIMARY KEY (mailbox, unique_id)
);

CREATE INDEX foreign_unique_id_number ON foreign_unique_id (mailbox, number) WHERE number IS NOT NULL;
