-- Version 1. Times are Unix milliseconds (UTC). Nothing in here is evidence: people, sessions and enrolments live only
-- here; everything below the line "derived" can be dropped and rebuilt from the site logs.

CREATE TABLE setting (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;

CREATE TABLE site (
    id         TEXT PRIMARY KEY,
    name_zh    TEXT NOT NULL,
    name_en    TEXT NOT NULL,
    city       TEXT NOT NULL,
    district   TEXT NOT NULL,
    sub_sector TEXT NOT NULL,
    time_zone  TEXT NOT NULL,
    simulated  INTEGER NOT NULL,
    created_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE gateway (
    site          TEXT NOT NULL REFERENCES site(id),
    id            TEXT NOT NULL,
    key_hex       TEXT NOT NULL,
    agent_version TEXT NOT NULL,
    enrolled_ms   INTEGER NOT NULL,
    revoked_ms    INTEGER,
    PRIMARY KEY (site, id)
) STRICT;
CREATE UNIQUE INDEX gateway_key ON gateway (key_hex) WHERE revoked_ms IS NULL;

CREATE TABLE enrolment_code (
    code_hash  TEXT PRIMARY KEY,
    site       TEXT NOT NULL REFERENCES site(id),
    gateway    TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL,
    used_ms    INTEGER
) STRICT;

CREATE TABLE role (
    id          TEXT PRIMARY KEY,
    name_zh     TEXT NOT NULL,
    name_en     TEXT NOT NULL,
    permissions TEXT NOT NULL
) STRICT;

CREATE TABLE user (
    id            INTEGER PRIMARY KEY,
    name          TEXT NOT NULL UNIQUE,
    pseudonym     TEXT NOT NULL UNIQUE,
    password_hash TEXT NOT NULL,
    created_ms    INTEGER NOT NULL,
    disabled_ms   INTEGER
) STRICT;

CREATE TABLE role_grant (
    id          INTEGER PRIMARY KEY,
    user_id     INTEGER NOT NULL REFERENCES user(id),
    role        TEXT NOT NULL REFERENCES role(id),
    scope_kind  TEXT NOT NULL,
    scope_value TEXT NOT NULL,
    from_ms     INTEGER NOT NULL,
    until_ms    INTEGER
) STRICT;
CREATE INDEX role_grant_user ON role_grant (user_id);

CREATE TABLE session (
    token_hash TEXT PRIMARY KEY,
    user_id    INTEGER NOT NULL REFERENCES user(id),
    csrf       TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    seen_ms    INTEGER NOT NULL
) STRICT;

CREATE TABLE api_token (
    token_hash TEXT PRIMARY KEY,
    user_id    INTEGER NOT NULL REFERENCES user(id),
    label      TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL,
    revoked_ms INTEGER
) STRICT;

-- derived -----------------------------------------------------------------------------------------------------------

-- How far the projector has read a site's log (number of leaves), and the newest checkpoint it saw.
CREATE TABLE projected (
    site            TEXT PRIMARY KEY,
    size            INTEGER NOT NULL,
    checkpoint_size INTEGER NOT NULL DEFAULT 0,
    root_hex        TEXT NOT NULL DEFAULT '',
    checkpoint_ms   INTEGER
) STRICT;

CREATE TABLE gateway_status (
    site            TEXT NOT NULL,
    gateway         TEXT NOT NULL,
    records         INTEGER NOT NULL,
    readings        INTEGER NOT NULL,
    sequence        INTEGER NOT NULL,
    received_ms     INTEGER NOT NULL,
    observed_ms     INTEGER,
    clock_state     TEXT NOT NULL,
    agent_version   TEXT NOT NULL,
    lost_records    INTEGER NOT NULL,
    chains          INTEGER NOT NULL,
    PRIMARY KEY (site, gateway)
) STRICT;

-- Things the log holds that somebody must look at: lost records, new chains, refused clones, late data.
CREATE TABLE alarm (
    site       TEXT NOT NULL,
    leaf       INTEGER NOT NULL,
    gateway    TEXT NOT NULL,
    kind       TEXT NOT NULL,
    at_ms      INTEGER NOT NULL,
    detail     TEXT NOT NULL,
    PRIMARY KEY (site, leaf, kind)
) STRICT;

CREATE TABLE machine (
    site     TEXT NOT NULL,
    id       TEXT NOT NULL,
    name_zh  TEXT NOT NULL,
    name_en  TEXT NOT NULL,
    position INTEGER NOT NULL,
    body     TEXT NOT NULL,
    PRIMARY KEY (site, id)
) STRICT;

-- One machine in one shift: its timeline (JSON) and where the evaluation stood.
CREATE TABLE shift (
    site     TEXT NOT NULL,
    machine  TEXT NOT NULL,
    date     TEXT NOT NULL,
    name     TEXT NOT NULL,
    from_ms  INTEGER NOT NULL,
    until_ms INTEGER NOT NULL,
    closed   INTEGER NOT NULL,
    prefix   INTEGER NOT NULL,
    body     TEXT NOT NULL,
    PRIMARY KEY (site, machine, date, name)
) STRICT;
CREATE INDEX shift_time ON shift (site, from_ms);

CREATE TABLE metric_value (
    site             TEXT NOT NULL,
    machine          TEXT NOT NULL,
    date             TEXT NOT NULL,
    shift            TEXT NOT NULL,
    metric           TEXT NOT NULL,
    from_ms          INTEGER NOT NULL,
    until_ms         INTEGER NOT NULL,
    numerator        INTEGER,
    denominator      INTEGER,
    low_numerator    INTEGER,
    low_denominator  INTEGER,
    high_numerator   INTEGER,
    high_denominator INTEGER,
    undefined        TEXT,
    covered_ms       INTEGER NOT NULL,
    expected_ms      INTEGER NOT NULL,
    grade            TEXT NOT NULL,
    flags            TEXT NOT NULL,
    lineage          TEXT NOT NULL,
    PRIMARY KEY (site, machine, date, shift, metric)
) STRICT;
CREATE INDEX metric_value_time ON metric_value (site, metric, from_ms);

CREATE TABLE declaration (
    site         TEXT NOT NULL,
    leaf         INTEGER NOT NULL,
    kind         TEXT NOT NULL,
    received_ms  INTEGER NOT NULL,
    effective_ms INTEGER,
    author       TEXT NOT NULL,
    role         TEXT NOT NULL,
    reason       TEXT NOT NULL,
    body         TEXT NOT NULL,
    PRIMARY KEY (site, leaf)
) STRICT;

CREATE TABLE report (
    site        TEXT NOT NULL,
    leaf        INTEGER NOT NULL,
    issued_ms   INTEGER NOT NULL,
    prefix      INTEGER NOT NULL,
    plan        TEXT NOT NULL,
    digest      TEXT NOT NULL,
    author      TEXT NOT NULL,
    bundle      TEXT,
    PRIMARY KEY (site, leaf)
) STRICT;

-- One row per site, kept up to date by the projector, so that the page for 5,000 sites is one indexed read.
CREATE TABLE fleet (
    site                TEXT PRIMARY KEY,
    gateways            INTEGER NOT NULL,
    received_ms         INTEGER,
    covered_ms          INTEGER NOT NULL,
    expected_ms         INTEGER NOT NULL,
    alarms              INTEGER NOT NULL,
    lost_records        INTEGER NOT NULL,
    chain_ok            INTEGER NOT NULL,
    grade               TEXT,
    oee_numerator       INTEGER,
    oee_denominator     INTEGER,
    oee_base_numerator  INTEGER,
    oee_base_denominator INTEGER,
    energy_numerator    INTEGER,
    energy_denominator  INTEGER,
    energy_base_numerator INTEGER,
    energy_base_denominator INTEGER,
    trend               TEXT NOT NULL,
    risk                INTEGER NOT NULL,
    updated_ms          INTEGER NOT NULL
) STRICT;
CREATE INDEX fleet_risk ON fleet (risk DESC, site);
