-- Numbers and names are the same in both engines. Times are milliseconds since 1970-01-01 UTC.
-- Rows are never larger than a page but for bodies; nothing is enforced by foreign keys: the committer checks what it writes.

-- Ids are taken in blocks: "next" is durably ahead of every id in use, so that none is given twice after a crash.
CREATE TABLE id_block (
    kind TEXT PRIMARY KEY,
    next INTEGER NOT NULL
) WITHOUT ROWID;

INSERT INTO id_block (kind, next) VALUES ('tenant', 1), ('domain', 1), ('account', 1), ('body', 1), ('spool', 1);

-- One row per lane, rewritten by every batch: tells after a lost answer whether the batch is in.
CREATE TABLE commit_token (
    lane INTEGER PRIMARY KEY,
    token INTEGER NOT NULL
);

INSERT INTO commit_token (lane, token) VALUES (0, 0);

CREATE TABLE tenant (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    folded TEXT NOT NULL UNIQUE
);

CREATE TABLE domain (
    id INTEGER PRIMARY KEY,
    tenant INTEGER NOT NULL,
    name TEXT NOT NULL,
    folded TEXT NOT NULL UNIQUE
);

-- Keys are SCRAM-SHA-256 (RFC 7677); all null: nobody can log in.
CREATE TABLE account (
    id INTEGER PRIMARY KEY,
    tenant INTEGER NOT NULL,
    domain INTEGER NOT NULL,
    local_part TEXT NOT NULL,
    folded TEXT NOT NULL,
    salt BLOB,
    iterations INTEGER,
    stored_key BLOB,
    server_key BLOB,
    suspended INTEGER NOT NULL DEFAULT 0,
    credential_version INTEGER NOT NULL DEFAULT 1,
    UNIQUE (domain, folded)
);

CREATE TABLE alias (
    domain INTEGER NOT NULL,
    folded TEXT NOT NULL,
    local_part TEXT NOT NULL,
    PRIMARY KEY (domain, folded)
) WITHOUT ROWID;

CREATE TABLE alias_target (
    domain INTEGER NOT NULL,
    folded TEXT NOT NULL,
    position INTEGER NOT NULL,
    target TEXT NOT NULL,
    PRIMARY KEY (domain, folded, position)
) WITHOUT ROWID;

-- The mailbox's own counters are floors: the effective last number and MODSEQ are the maximum over them and its folders,
-- so that a delivery dirties one counter row and not two. Same number as the account's.
CREATE TABLE mailbox (
    id INTEGER PRIMARY KEY,
    tenant INTEGER NOT NULL,
    last_number INTEGER NOT NULL DEFAULT 0,
    modseq INTEGER NOT NULL DEFAULT 1,
    next_uidvalidity INTEGER NOT NULL DEFAULT 2,
    next_folder INTEGER NOT NULL DEFAULT 2,
    tombstones INTEGER NOT NULL DEFAULT 0,
    -- Expunges up to this MODSEQ may be forgotten: a client that is further back has to compare UIDs (RFC 7162 §3.2.5.2).
    tombstone_floor INTEGER NOT NULL DEFAULT 0
);

CREATE TABLE folder (
    mailbox INTEGER NOT NULL,
    id INTEGER NOT NULL,
    name TEXT NOT NULL,
    uidvalidity INTEGER NOT NULL,
    uid_next INTEGER NOT NULL DEFAULT 1,
    highest_modseq INTEGER NOT NULL DEFAULT 1,
    last_number INTEGER NOT NULL DEFAULT 0,
    subscribed INTEGER NOT NULL DEFAULT 1,
    PRIMARY KEY (mailbox, id)
) WITHOUT ROWID;

CREATE UNIQUE INDEX folder_name ON folder (mailbox, name);

-- Clustered by mailbox and number: a mailbox loads with one ordered range scan.
CREATE TABLE message (
    mailbox INTEGER NOT NULL,
    number INTEGER NOT NULL,
    folder INTEGER NOT NULL,
    uid INTEGER NOT NULL,
    modseq INTEGER NOT NULL,
    body INTEGER NOT NULL,
    octets INTEGER NOT NULL,
    wire_octets INTEGER NOT NULL,
    -- How the octets are to be sent; 1: they came as BINARYMIME.
    traits INTEGER NOT NULL DEFAULT 0,
    flags INTEGER NOT NULL DEFAULT 0,
    internal_date INTEGER NOT NULL,
    -- A unique-id that came with the message from another server.
    foreign_unique_id TEXT,
    PRIMARY KEY (mailbox, number)
) WITHOUT ROWID;

-- References of a body are these rows; new ones go to the end, bodies being numbered in order.
CREATE INDEX message_body ON message (body);

CREATE TABLE keyword (
    mailbox INTEGER NOT NULL,
    id INTEGER NOT NULL,
    name TEXT NOT NULL,
    PRIMARY KEY (mailbox, id)
) WITHOUT ROWID;

CREATE TABLE message_keyword (
    mailbox INTEGER NOT NULL,
    number INTEGER NOT NULL,
    keyword INTEGER NOT NULL,
    PRIMARY KEY (mailbox, number, keyword)
) WITHOUT ROWID;

CREATE TABLE tombstone (
    mailbox INTEGER NOT NULL,
    modseq INTEGER NOT NULL,
    folder INTEGER NOT NULL,
    uid INTEGER NOT NULL,
    PRIMARY KEY (mailbox, modseq, folder, uid)
) WITHOUT ROWID;

CREATE TABLE body (
    id INTEGER PRIMARY KEY,
    octets INTEGER NOT NULL,
    chunks INTEGER NOT NULL,
    head BLOB NOT NULL
);

-- id is body * 65536 + sequence, so that a chunk is opened by one integer and a body's chunks lie together.
CREATE TABLE body_chunk (
    id INTEGER PRIMARY KEY,
    octets BLOB NOT NULL
);

-- Bodies that are still arriving.
CREATE TABLE staged (
    body INTEGER PRIMARY KEY,
    chunks INTEGER NOT NULL,
    octets INTEGER NOT NULL,
    since INTEGER NOT NULL
);

CREATE INDEX staged_since ON staged (since);

-- Bodies whose last reference went: what the sweeper looks at, never more than that.
CREATE TABLE unreferenced (
    body INTEGER PRIMARY KEY,
    since INTEGER NOT NULL
);

CREATE INDEX unreferenced_since ON unreferenced (since);

-- One row per recipient that is not yet where it belongs, with the whole envelope (RFC 3461 §4).
CREATE TABLE spool (
    id INTEGER PRIMARY KEY,
    tenant INTEGER,
    shard INTEGER NOT NULL,
    local INTEGER NOT NULL,
    body INTEGER NOT NULL,
    octets INTEGER NOT NULL,
    wire_octets INTEGER NOT NULL,
    sender TEXT NOT NULL,
    recipient TEXT NOT NULL,
    mailbox INTEGER,
    envid TEXT,
    ret TEXT,
    notify TEXT,
    orcpt TEXT,
    body_type TEXT,
    smtputf8 INTEGER NOT NULL DEFAULT 0,
    authenticated_user TEXT,
    queued INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    next_attempt INTEGER NOT NULL,
    last_error TEXT
);

CREATE INDEX spool_due ON spool (local, shard, next_attempt);

CREATE INDEX spool_body ON spool (body);
