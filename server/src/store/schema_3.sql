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
