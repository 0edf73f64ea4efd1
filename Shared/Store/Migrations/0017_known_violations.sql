-- What a pause by the invariants was for. What a person has resumed from is known: it pauses nobody a second time.
ALTER TABLE renewal_pauses ADD COLUMN found text[] NOT NULL DEFAULT '{}';
