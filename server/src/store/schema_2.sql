-- Derived: first and last good reading of a tag that can be placed.
CREATE TABLE tag_seen (
    site     TEXT NOT NULL,
    gateway  TEXT NOT NULL,
    tag      TEXT NOT NULL,
    first_ms INTEGER NOT NULL,
    last_ms  INTEGER NOT NULL,
    PRIMARY KEY (site, gateway, tag)
) STRICT;

-- How many leaves it stands for. What was projected before is read for it once more; the other rows stay as they are.
ALTER TABLE projected ADD COLUMN seen INTEGER NOT NULL DEFAULT 0;

-- Who gives opinions on filed plans may do so; a role that an operator changed stays as he left it.
UPDATE role SET permissions = '["see_figures","give_opinion"]'
    WHERE id IN ('city', 'finance', 'district') AND permissions = '["see_figures"]';
UPDATE role SET permissions = '["see_figures","give_opinion","issue_report"]'
    WHERE id = 'centre' AND permissions = '["see_figures","issue_report"]';
