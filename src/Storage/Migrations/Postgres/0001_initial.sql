-- Numbers and names are the same in both engines. Times are milliseconds since 1970-01-01 UTC. Names compare by their octets.
-- Nothing is enforced by foreign keys: the committer checks what it writes, in the transaction that writes it.

-- What a commit asks the database to make sure of ends the whole transaction when it is not so. States: MC001 the node has
-- lost its place, MC002 shards have gone (which: the text), MC003 rows are not what the writer thought.
CREATE FUNCTION refuse(state text, reason text) RETURNS integer LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION USING ERRCODE = state, MESSAGE = reason;
END
$$;

-- Ids are taken in blocks: "next" is durably ahead of every id in use, so that none is given twice after a crash.
CREATE TABLE id_block (
    kind text PRIMARY KEY,
    next bigint NOT NULL
) WITH (fillfactor = 50);

INSERT INTO id_block (kind, next) VALUES ('tenant', 1), ('domain', 1), ('account', 1), ('body', 1), ('spool', 1);

-- One row per commit connection of a node, rewritten by every batch: tells after a lost answer whether the batch is in. Who
-- looks raises "looked", so that a batch that is still on its way finds another one than it knows and is refused.
CREATE TABLE commit_token (
    node integer NOT NULL,
    lane integer NOT NULL,
    token bigint NOT NULL,
    looked bigint NOT NULL,
    PRIMARY KEY (node, lane)
) WITH (fillfactor = 10);

CREATE TABLE tenant (
    id bigint PRIMARY KEY,
    name text NOT NULL,
    folded text COLLATE "C" NOT NULL UNIQUE
);

CREATE TABLE domain (
    id bigint PRIMARY KEY,
    tenant bigint NOT NULL,
    name text NOT NULL,
    folded text COLLATE "C" NOT NULL UNIQUE
);

-- Keys are SCRAM-SHA-256 (RFC 7677); all null: nobody can log in.
CREATE TABLE account (
    id bigint PRIMARY KEY,
    tenant bigint NOT NULL,
    domain bigint NOT NULL,
    local_part text NOT NULL,
    folded text COLLATE "C" NOT NULL,
    salt bytea,
    iterations integer,
    stored_key bytea,
    server_key bytea,
    suspended boolean NOT NULL DEFAULT false,
    credential_version bigint NOT NULL DEFAULT 1,
    UNIQUE (domain, folded)
);

CREATE TABLE alias (
    domain bigint NOT NULL,
    folded text COLLATE "C" NOT NULL,
    local_part text NOT NULL,
    PRIMARY KEY (domain, folded)
);

CREATE TABLE alias_target (
    domain bigint NOT NULL,
    folded text COLLATE "C" NOT NULL,
    position integer NOT NULL,
    target text NOT NULL,
    PRIMARY KEY (domain, folded, position)
);

-- The mailbox's own counters are floors: the effective last number and MODSEQ are the maximum over them and its folders,
-- so that a delivery changes one counter row and not two. Same number as the account's.
CREATE TABLE mailbox (
    id bigint PRIMARY KEY,
    tenant bigint NOT NULL,
    last_number bigint NOT NULL DEFAULT 0,
    modseq bigint NOT NULL DEFAULT 1,
    next_uidvalidity bigint NOT NULL DEFAULT 2,
    next_folder integer NOT NULL DEFAULT 2,
    tombstones bigint NOT NULL DEFAULT 0,
    -- Expunges up to this MODSEQ may be forgotten: a client that is further back has to compare UIDs (RFC 7162 §3.2.5.2).
    tombstone_floor bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 80);

-- Room in each page for the next version of its rows: a delivery rewrites one and touches no index.
CREATE TABLE folder (
    mailbox bigint NOT NULL,
    id integer NOT NULL,
    name text COLLATE "C" NOT NULL,
    uidvalidity bigint NOT NULL,
    uid_next bigint NOT NULL DEFAULT 1,
    highest_modseq bigint NOT NULL DEFAULT 1,
    last_number bigint NOT NULL DEFAULT 0,
    subscribed boolean NOT NULL DEFAULT true,
    PRIMARY KEY (mailbox, id)
) WITH (fillfactor = 50);

CREATE UNIQUE INDEX folder_name ON folder (mailbox, name);

CREATE TABLE message (
    mailbox bigint NOT NULL,
    number bigint NOT NULL,
    body bigint NOT NULL,
    modseq bigint NOT NULL,
    internal_date bigint NOT NULL,
    uid bigint NOT NULL,
    octets bigint NOT NULL,
    wire_octets bigint NOT NULL,
    folder integer NOT NULL,
    -- How the octets are to be sent; 1: they came as BINARYMIME.
    traits integer NOT NULL DEFAULT 0,
    flags integer NOT NULL DEFAULT 0,
    -- A unique-id that came with the message from another server.
    foreign_unique_id text COLLATE "C",
    PRIMARY KEY (mailbox, number)
);

-- References of a body are these rows; new ones go to the end, bodies being numbered in order.
CREATE INDEX message_body ON message (body);

CREATE TABLE keyword (
    mailbox bigint NOT NULL,
    id integer NOT NULL,
    name text COLLATE "C" NOT NULL,
    PRIMARY KEY (mailbox, id)
);

CREATE TABLE message_keyword (
    mailbox bigint NOT NULL,
    number bigint NOT NULL,
    keyword integer NOT NULL,
    PRIMARY KEY (mailbox, number, keyword)
);

CREATE TABLE tombstone (
    mailbox bigint NOT NULL,
    modseq bigint NOT NULL,
    folder integer NOT NULL,
    uid bigint NOT NULL,
    PRIMARY KEY (mailbox, modseq, folder, uid)
);

-- Keeps about "keep" of a mailbox's tombstones; ties go under the floor together.
CREATE FUNCTION trim_tombstones(box bigint, keep bigint) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    cut bigint;
    gone bigint;
BEGIN
    SELECT modseq INTO cut FROM tombstone WHERE mailbox = box ORDER BY modseq DESC OFFSET keep LIMIT 1;
    IF cut IS NULL THEN
        RETURN 0;
    END IF;
    DELETE FROM tombstone WHERE mailbox = box AND modseq <= cut;
    GET DIAGNOSTICS gone = ROW_COUNT;
    UPDATE mailbox SET tombstones = tombstones - gone, tombstone_floor = cut WHERE id = box;
    RETURN gone;
END
$$;

-- Mail is not compressed: pieces of a body are read without the rest. In parts, so that no table reaches its largest size
-- (32 TiB, 4 thousand million stored parts) and each is cleaned by itself.
CREATE TABLE body (
    id bigint NOT NULL,
    octets bigint NOT NULL,
    chunks integer NOT NULL,
    head bytea NOT NULL,
    PRIMARY KEY (id)
) PARTITION BY HASH (id);

CREATE TABLE body_chunk (
    body bigint NOT NULL,
    sequence integer NOT NULL,
    octets bytea NOT NULL,
    PRIMARY KEY (body, sequence)
) PARTITION BY HASH (body);

ALTER TABLE body ALTER COLUMN head SET STORAGE EXTERNAL;

ALTER TABLE body_chunk ALTER COLUMN octets SET STORAGE EXTERNAL;

DO $$
BEGIN
    FOR part IN 0..7 LOOP
        EXECUTE format('CREATE TABLE body_%s PARTITION OF body FOR VALUES WITH (MODULUS 8, REMAINDER %s)', part, part);
        EXECUTE format(
            'CREATE TABLE body_chunk_%s PARTITION OF body_chunk FOR VALUES WITH (MODULUS 8, REMAINDER %s)', part, part);
    END LOOP;
END
$$;

-- Bodies that are still arriving.
CREATE TABLE staged (
    body bigint PRIMARY KEY,
    chunks integer NOT NULL,
    octets bigint NOT NULL,
    since bigint NOT NULL
);

CREATE INDEX staged_since ON staged (since);

-- Bodies that lost a reference, perhaps the last one: what the sweeper looks at, never more than that.
CREATE TABLE unreferenced (
    body bigint PRIMARY KEY,
    since bigint NOT NULL
);

CREATE INDEX unreferenced_since ON unreferenced (since);

-- One row per recipient that is not yet where it belongs, with the whole envelope (RFC 3461 §4).
CREATE TABLE spool (
    id bigint PRIMARY KEY,
    tenant bigint,
    shard integer NOT NULL,
    local boolean NOT NULL,
    body bigint NOT NULL,
    octets bigint NOT NULL,
    wire_octets bigint NOT NULL,
    sender text NOT NULL,
    recipient text NOT NULL,
    mailbox bigint,
    envid text,
    ret text,
    notify text,
    orcpt text,
    body_type text,
    smtputf8 boolean NOT NULL DEFAULT false,
    authenticated_user text,
    queued bigint NOT NULL,
    attempts integer NOT NULL DEFAULT 0,
    next_attempt bigint NOT NULL,
    last_error text
);

CREATE INDEX spool_due ON spool (local, shard, next_attempt);

CREATE INDEX spool_body ON spool (body);
