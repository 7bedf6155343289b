-- Derived: what a firm owes and who is asked next, so that the page of all firms is one indexed read. Dates are `YYYY-MM-DD`.
CREATE TABLE portfolio (
    site     TEXT PRIMARY KEY,
    code     TEXT NOT NULL,
    listed   TEXT NOT NULL,
    filed    TEXT,
    owed     INTEGER NOT NULL,
    due      TEXT,
    returned INTEGER NOT NULL,
    waiting  TEXT NOT NULL
) STRICT;
CREATE INDEX portfolio_due ON portfolio (due, site);

-- Who checks on site may do so; a role that an operator changed stays as he left it.
UPDATE role SET permissions = '["see_figures","give_opinion","check_on_site"]'
    WHERE id = 'district' AND permissions = '["see_figures","give_opinion"]';
UPDATE role SET permissions = '["see_figures","give_opinion","check_on_site","issue_report"]'
    WHERE id = 'centre' AND permissions = '["see_figures","give_opinion","issue_report"]';
UPDATE role SET permissions = '["see_figures","check_on_site"]'
    WHERE id = 'supervisor' AND permissions = '["see_figures"]';
UPDATE role SET permissions = '["see_figures","see_raw","check_on_site","issue_report"]'
    WHERE id = 'assessor' AND permissions = '["see_figures","see_raw","issue_report"]';
