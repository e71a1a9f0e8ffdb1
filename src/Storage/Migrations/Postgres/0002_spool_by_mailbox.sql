-- Which mailboxes have something due is found by one seek per mailbox, whatever waits for each; a mailbox's rows by one range.
DROP INDEX spool_due;

CREATE INDEX spool_due ON spool (local, shard, mailbox, next_attempt);
