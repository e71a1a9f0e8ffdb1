-- Who is there and who has what. Times are the database's clock. A node renews its own row only, so no mail waits for a lease.
CREATE SEQUENCE incarnation AS bigint;

-- Rises with every change of node or shard but renewals.
CREATE TABLE cluster_version (
    single boolean PRIMARY KEY DEFAULT true CHECK (single),
    cluster uuid NOT NULL DEFAULT gen_random_uuid(),
    -- For what all nodes have to derive alike and nobody else may: 244 random bits.
    secret bytea NOT NULL DEFAULT uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()),
    version bigint NOT NULL
);

INSERT INTO cluster_version (version) VALUES (1);

-- state: 0 joining, 1 up, 2 draining, 3 down.
CREATE TABLE node (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE,
    incarnation bigint NOT NULL,
    address text NOT NULL,
    state smallint NOT NULL,
    lease_until timestamptz NOT NULL,
    version text NOT NULL,
    wire_version integer NOT NULL
) WITH (fillfactor = 50);

-- An owner is a node and the incarnation that it had; null: nobody. The epoch rises with every change of the owner.
CREATE TABLE shard (
    cell smallint NOT NULL,
    number smallint NOT NULL,
    owner integer,
    incarnation bigint,
    epoch bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (cell, number)
) WITH (fillfactor = 50);

INSERT INTO shard (cell, number) SELECT 0, n FROM generate_series(0, 1023) AS n;
