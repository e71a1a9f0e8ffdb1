-- Of tenant, domain and account: null inherits, -1 is none.
ALTER TABLE tenant ADD COLUMN storage_octets bigint, ADD COLUMN warning_percent integer, ADD COLUMN retention_days integer;
ALTER TABLE domain ADD COLUMN storage_octets bigint, ADD COLUMN warning_percent integer, ADD COLUMN retention_days integer;
ALTER TABLE account ADD COLUMN storage_octets bigint, ADD COLUMN warning_percent integer, ADD COLUMN retention_days integer;

-- Whether anything is to be looked for at all is one seek each.
CREATE INDEX tenant_retention ON tenant (id) WHERE retention_days > 0;
CREATE INDEX domain_retention ON domain (id) WHERE retention_days > 0;
CREATE INDEX account_retention ON account (id) WHERE retention_days > 0;

-- The mailbox has had the notice of its present fullness.
ALTER TABLE mailbox ADD COLUMN is_warned boolean NOT NULL DEFAULT false;

-- Sums over the folder's messages, in the row that every delivery writes anyway. No message is older than "oldest",
-- which may be less than the true date; without messages it is the greatest number.
ALTER TABLE folder ADD COLUMN octets bigint NOT NULL DEFAULT 0;
ALTER TABLE folder ADD COLUMN oldest bigint NOT NULL DEFAULT 9223372036854775807;

UPDATE folder SET (octets, oldest) = (
    SELECT coalesce(sum(octets), 0), coalesce(min(internal_date), 9223372036854775807)
    FROM message WHERE message.mailbox = folder.mailbox AND message.folder = folder.id);
