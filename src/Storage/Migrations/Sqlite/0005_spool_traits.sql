-- How the octets of a waiting copy are to be sent, as its message will have it.
ALTER TABLE spool ADD COLUMN traits integer NOT NULL DEFAULT 0;

UPDATE spool SET traits = 1 WHERE body_type = 'BINARYMIME';
