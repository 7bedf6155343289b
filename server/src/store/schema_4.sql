-- Derived: a bill of electricity against the register of its incoming meter, once all its readings are there. Dates are `YYYY-MM-DD`, amounts
-- kWh as digits, `relative` is the difference as a share of the bill.
CREATE TABLE bill_compared (
    site     TEXT NOT NULL,
    machine  TEXT NOT NULL,
    leaf     INTEGER NOT NULL,
    account  TEXT NOT NULL,
    first    TEXT NOT NULL,
    last     TEXT NOT NULL,
    printed  TEXT NOT NULL,
    billed   TEXT,
    measured TEXT,
    relative TEXT,
    verdict  TEXT NOT NULL,
    PRIMARY KEY (site, machine, leaf)
) STRICT;
