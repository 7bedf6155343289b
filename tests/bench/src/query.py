"""States per shift, counts, energy, A and OEE by SQL over the server's Parquet files. Prints one JSON object.

One argument, a JSON object: readings (glob), shifts ([from_ms, to_ms], one behind the other), break_after_ms, break_ms,
item_us, modulus, threads, runs.
"""

import json
import statistics
import sys
import time

import duckdb

job = json.loads(sys.argv[1])
first_ms = job["shifts"][0][0]
length_ms = job["shifts"][0][1] - first_ms
assert all(b - a == length_ms and a == first_ms + i * length_ms for i, (a, b) in enumerate(job["shifts"]))

QUERY = """
WITH
-- A reading taken at a shift's end belongs to the step that ends there.
r AS (
    SELECT split_part(tag, '/', 1) AS machine, split_part(tag, '/', 2) AS kind, epoch_ms(time) AS t, int AS v,
           (epoch_ms(time) - 1 - {first} + {length}) // {length} - 1 AS shift
    FROM {source} WHERE quality = 'good'
),
changes AS (
    SELECT machine, t, v, lead(t, 1, 9223372036854775807) OVER (PARTITION BY machine ORDER BY t) AS until
    FROM (SELECT machine, t, v, lag(v) OVER (PARTITION BY machine ORDER BY t) AS was FROM r WHERE kind = 'state')
    WHERE was IS DISTINCT FROM v
),
shifts AS (SELECT i AS shift, {first} + i * {length} AS a, {first} + (i + 1) * {length} AS b FROM range({count}) x(i)),
states AS (
    SELECT machine, s.shift,
           sum(greatest(0, least(until, b) - greatest(t, a))) FILTER (v = 4) AS apt,
           sum(greatest(0, least(until, a + {pause_from} + {pause}) - greatest(t, a + {pause_from}))) FILTER (v = 4) AS in_pause
    FROM changes JOIN shifts s ON t < b AND until > a
    GROUP BY ALL
),
steps AS (
    SELECT machine, kind, shift, v - lag(v) OVER (PARTITION BY machine, kind ORDER BY t) AS d
    FROM r WHERE kind IN ('good', 'reject')
),
counts AS (
    SELECT machine, shift,
           sum(CASE WHEN d < 0 THEN d + {modulus} ELSE d END) FILTER (kind = 'good') AS good,
           sum(CASE WHEN d < 0 THEN d + {modulus} ELSE d END) FILTER (kind = 'reject') AS reject
    FROM steps GROUP BY ALL
),
edges AS (SELECT machine, shift, max_by(v, t) AS v FROM r WHERE kind = 'energy' GROUP BY ALL),
energy AS (SELECT machine, shift, v - lag(v) OVER (PARTITION BY machine ORDER BY shift) AS wh FROM edges),
facts AS (
    SELECT machine, a AS from_ms, coalesce(apt, 0) AS apt, {length} - {pause} + coalesce(in_pause, 0) AS pbt, good, reject, wh
    FROM shifts JOIN states USING (shift) JOIN counts USING (machine, shift) JOIN energy USING (machine, shift)
)
SELECT machine, from_ms, apt::BIGINT, pbt::BIGINT, good::BIGINT, reject::BIGINT, wh::BIGINT,
       ((2 * apt::HUGEINT * 1000000 + pbt) // (2 * pbt))::BIGINT,
       ((2 * good::HUGEINT * {item_us} * 1000000 + pbt * 1000) // (2 * pbt::HUGEINT * 1000))::BIGINT
FROM facts
"""


def query(source):
    return QUERY.format(
        source=source, first=first_ms, length=length_ms, count=len(job["shifts"]), pause_from=job["break_after_ms"],
        pause=job["break_ms"], modulus=job["modulus"], item_us=job["item_us"],
    )


def measure(connection, text):
    walls, processors = [], []
    for _ in range(job["runs"]):
        wall, processor = time.perf_counter(), time.process_time()
        rows = connection.execute(text).fetchall()
        walls.append(time.perf_counter() - wall)
        processors.append(time.process_time() - processor)
    return {"processor": statistics.median(processors), "wall": statistics.median(walls)}, rows


names = ["machine", "from_ms", "apt_ms", "pbt_ms", "good", "reject", "wh", "a_micro", "oee_micro"]
out = {"version": duckdb.__version__, "parquet": {}, "memory": {}}
connection = duckdb.connect()
files = "read_parquet('%s')" % job["readings"].replace("'", "''")
for threads in job["threads"]:
    connection.execute(f"SET threads = {threads}")
    out["parquet"][threads], rows = measure(connection, query(files))
    out["rows"] = [dict(zip(names, row)) for row in rows]
connection.execute(f"CREATE TEMP TABLE readings AS SELECT tag, time, int, quality FROM {files}")
for threads in job["threads"]:
    connection.execute(f"SET threads = {threads}")
    out["memory"][threads], rows = measure(connection, query("readings"))
    assert sorted(rows) == sorted(tuple(row[name] for name in names) for row in out["rows"])
print(json.dumps(out))
