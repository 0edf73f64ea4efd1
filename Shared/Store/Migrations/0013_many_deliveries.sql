-- Deliveries are many, so each is written as little as can be. Measured for a message to one of fifty endpoints: a quarter
-- of the time that Postgres took before.

-- What waits for the relay stands in a table of its own: taking a line from it costs a tenth of writing the message anew.
-- `outbox.relayed_at` is set from the start where nobody is to be told, and never after.
DROP INDEX outbox_waiting;
CREATE TABLE outbox_waiting (
    position bigint PRIMARY KEY,
    message uuid NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);  -- what is gone is in the way of what is next
INSERT INTO outbox_waiting (position, message) SELECT position, id FROM outbox WHERE relayed_at IS NULL;

CREATE FUNCTION outbox_wait() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO outbox_waiting (position, message) VALUES (NEW.position, NEW.id);
    RETURN NULL;
END
$$;

-- Here and not in what stages, so that nobody can forget it.
CREATE TRIGGER outbox_waits AFTER INSERT ON outbox
    FOR EACH ROW WHEN (NEW.relayed_at IS NULL) EXECUTE FUNCTION outbox_wait();

-- One round at a time goes through an endpoint's deliveries, so none needs a mark that it is being sent. What remains to be
-- known is up to which turn its attempts were kept: a second report about the same turn changes nothing.
ALTER TABLE deliveries
    DROP COLUMN sending_turn,
    DROP COLUMN sending_since,
    ADD COLUMN kept_turn integer NOT NULL DEFAULT 0;

-- The unique key finds a message's deliveries as well. Checked one by one, keys to other tables cost as much as the rows:
-- deliveries and attempts are only made in the statement that reads what they belong to, pruning takes all three, and no
-- endpoint is ever deleted.
ALTER TABLE deliveries
    DROP CONSTRAINT deliveries_endpoint_owner_fkey,
    DROP CONSTRAINT deliveries_message_fkey,
    DROP CONSTRAINT deliveries_endpoint_message_key,
    ADD UNIQUE (message, endpoint);
ALTER TABLE delivery_attempts DROP CONSTRAINT delivery_attempts_delivery_fkey;
DROP INDEX deliveries_message, deliveries_owner, deliveries_due, deliveries_untried;

-- Attempts come in the order of this column, so a summary of each few pages finds the latest as well as an entry for each.
DROP INDEX delivery_attempts_recorded;
CREATE INDEX delivery_attempts_recorded ON delivery_attempts
    USING brin (recorded_at) WITH (pages_per_range = 32, autosummarize = on);

-- An endpoint's round, in its order; and whether there is anything to do for one.
CREATE INDEX deliveries_pending ON deliveries (endpoint, due_at, position) WHERE state = 'pending';
