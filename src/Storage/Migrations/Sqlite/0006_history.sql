-- The identities of this store's history, the newest last. A restored backup lacks those that came after it; whoever
-- accepts the restore adds one (mailcluster store accept-restore).
CREATE TABLE history (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE
);

INSERT INTO history (number, id) VALUES (1, lower(hex(randomblob(16))));
