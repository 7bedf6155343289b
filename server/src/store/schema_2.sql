-- Derived: first and last good reading of a tag that can be placed.
CREATE TABLE tag_seen (
    site     TEXT NOT NULL,
    gateway  TEXT NOT NULL,
    tag      TEXT NOT NULL,
    first_ms INTEGER NOT NULL,
    last_ms  INTEGER NOT NULL,
    PRIMARY KEY (site, gateway, tag)
) STRICT;

-- Logs are read from their beginning again, so that it holds what was read before.
UPDATE projected SET size = 0;
