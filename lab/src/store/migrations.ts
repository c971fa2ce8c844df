/**
 * The schema, as the steps that lead to it: step i takes a store from version i to version i + 1. A step that has been
 * released is never edited; what changes is added as a new one.
 */
export const migrations: readonly string[] = [
  `
  CREATE TABLE runs (
    id          TEXT PRIMARY KEY,
    paper       TEXT NOT NULL,
    budget      TEXT NOT NULL,
    seeds       TEXT NOT NULL,               -- JSON, array of integers
    settings    TEXT NOT NULL,               -- JSON, what --set changed
    revision    TEXT NOT NULL,               -- hash of the sources that the paper reaches
    command     TEXT NOT NULL,
    provenance  TEXT NOT NULL,               -- JSON
    status      TEXT NOT NULL,               -- running | complete | partial
    verdict     TEXT,                        -- null until judged
    started     INTEGER NOT NULL,            -- milliseconds since 1970
    ended       INTEGER
  ) STRICT;
  CREATE INDEX runs_by_paper ON runs (paper, started);

  CREATE TABLE trials (
    id          TEXT PRIMARY KEY,            -- key, or key~2 and so on when it was run afresh
    key         TEXT NOT NULL,
    paper       TEXT NOT NULL,
    variant     TEXT NOT NULL,
    seed        INTEGER NOT NULL,
    budget      TEXT NOT NULL,
    settings    TEXT NOT NULL,               -- JSON, all settings of this trial
    revision    TEXT NOT NULL,
    status      TEXT NOT NULL,               -- planned | running | done | failed
    attempt     INTEGER NOT NULL DEFAULT 0,  -- fences off writers whose lease was taken over
    pid         INTEGER,
    heartbeat   INTEGER,
    started     INTEGER,
    ended       INTEGER,
    seconds     REAL NOT NULL DEFAULT 0,     -- worked so far, over all attempts
    data        TEXT NOT NULL DEFAULT '{}',  -- JSON, hashes of the testbeds that it read
    error       TEXT                         -- JSON
  ) STRICT;
  CREATE INDEX trials_by_key ON trials (key);

  CREATE TABLE run_trials (
    run       TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    position  INTEGER NOT NULL,
    trial     TEXT NOT NULL REFERENCES trials (id),
    PRIMARY KEY (run, position)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE metrics (
    trial  TEXT NOT NULL REFERENCES trials (id) ON DELETE CASCADE,
    name   TEXT NOT NULL,
    step   INTEGER NOT NULL,
    value  REAL NOT NULL,
    PRIMARY KEY (trial, name, step)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE measures (
    trial  TEXT NOT NULL REFERENCES trials (id) ON DELETE CASCADE,
    claim  TEXT NOT NULL,
    name   TEXT NOT NULL,
    value  REAL NOT NULL,
    PRIMARY KEY (trial, claim, name)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE plot_rows (
    trial  TEXT NOT NULL REFERENCES trials (id) ON DELETE CASCADE,
    plot   TEXT NOT NULL,
    rows   TEXT NOT NULL,                    -- JSON, array of objects
    PRIMARY KEY (trial, plot)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE claims (
    run      TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    claim    TEXT NOT NULL,
    verdict  TEXT NOT NULL,
    judged   TEXT NOT NULL,                  -- JSON: paper's figure, checks with figures and intervals
    PRIMARY KEY (run, claim)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE figures (
    run   TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    plot  TEXT NOT NULL,
    spec  TEXT NOT NULL,                     -- JSON, a Vega-Lite specification
    PRIMARY KEY (run, plot)
  ) STRICT, WITHOUT ROWID;
  `,
];
