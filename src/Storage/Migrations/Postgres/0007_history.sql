-- The identities of this store's history, the newest last. A restored backup lacks those that came after it; whoever
-- accepts the restore adds one (mailcluster store accept-restore).
CREATE TABLE history (
    number integer PRIMARY KEY,
    id text NOT NULL UNIQUE
);

INSERT INTO history (number, id) VALUES (1, replace(gen_random_uuid()::text, '-', ''));
