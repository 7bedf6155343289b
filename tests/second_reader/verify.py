"""Second reader: verifies a bundle and recomputes one OEE line, from docs/formats.md and docs/report-computation.md alone.
Usage: verify.py BUNDLE TRUST MACHINE DATE SHIFT"""
import datetime, json, sys, zoneinfo
from beside import check_beside
from filed import check_filings
from formats import *
from steps import check_steps

def walk(files, raw, trust, site, epoch):
    """Checks signatures, chains, contents and restores; returns (statements, records, digests of contents)."""
    keys, announced, revoked, heads, said, records, named, restored, simulated = {}, set(), set(), {}, [], [], set(), 0, []
    trusted = {(g["site"], g["gateway"], g["key_sha256"]) for g in trust["gateways"]}
    for index, leaf in enumerate(raw):
        m = message(leaf)
        received, kind, where = zigzag(one(m, 2)), one(m, 3), "leaf %d: " % index
        need(one(m, 1) == 1 and kind in (1, 2, 3, 4) and set(m) <= set(range(1, 10)), where + "not a leaf of version 1")
        h = header(one(m, 4)) if kind in (1, 4) else None
        digest, length = (one(m, 7, b""), one(m, 8)) if kind == 2 else (h["content"], h["length"]) if h else (None, 0)
        named |= {digest} - {None}
        content = files.get("contents/" + digest.hex()) if digest else None
        need(content is None or (sha256(content), len(content)) == (digest, length), where + "content altered")
        if kind == 3:
            e = message(one(m, 9, b""))
            need(one(e, 4) == index and one(e, 1) > restored, where + "a restore that did not happen so")
            restored = one(e, 1)
        if kind == 2:
            need(content is not None, where + "content missing")
            d = load_canonical(content)
            need(d["kind"] == text(m, 6), where + "another kind than declared")
            said.append((d["effective_from"], index, received, d["kind"], d["body"], d["role"], d["author"]))
            if d["kind"] == "gateway_enrolled":
                keys[d["body"]["gateway"]] = bytes.fromhex(d["body"]["key"])
                announced.discard(d["body"]["gateway"])
                revoked.discard(d["body"]["gateway"])
            if d["kind"] == "gateway_revoked":
                revoked.add(d["body"]["gateway"])
        elif kind in (1, 4):
            signature = one(m, 5)
            need(h["site"] == site, where + "another site")
            simulated += [index] if h["simulated"] else []
            name, is_lost = h["gateway"], h["kind"] == 3
            need(name in keys, where + "gateway not enrolled")
            need(name not in revoked, where + "gateway revoked")
            need(name in announced or (h["site"], name, sha256(keys[name]).hex()) in trusted, where + "gateway not trusted")
            signed(keys[name], b"gongzheng/v1/record\0", one(m, 4), signature)
            if kind == 4:
                following, previous = heads.get((name, h["chain"]), (0, b""))
                need(h["sequence"] < following or h["sequence"] == following and h["previous"] != previous != b"", where + "in quarantine and contradicts nothing")
                continue
            begun, (following, previous) = (name, h["chain"]) in heads, heads.get((name, h["chain"]), (0, bytes(32)))
            need(h["kind"] != 4 if begun else h["kind"] in (3, 4), where + "a chain begins here, or does not begin here")
            inside = is_lost and h["sequence"] < following
            need(h["sequence"] == following or inside, where + "a hole: record %d belongs here" % following)
            need(h["previous"] == previous or inside or is_lost and h["previous"] == bytes(32), where + "chain broken")
            need(content is not None or h["kind"] == 1, where + "content missing")
            head = (h["sequence"] + 1, sha256(one(m, 4) + signature))
            if is_lost:
                lost = message(decompress(content))
                need(one(lost, 1) == h["sequence"] and one(lost, 2) >= max(h["sequence"], following), where + "Lost for another range")
                head = (one(lost, 2) + 1, one(lost, 5) if any(one(lost, 5, b"")) else head[1])
            if h["kind"] == 5:
                change = message(decompress(content))
                keys[name] = one(change, 1)
                signed(keys[name], b"gongzheng/v1/key-change\0", keys[name], one(change, 2))
                announced.add(name)
            heads[name, h["chain"]] = head
            records.append(({**h, "leaf": index}, content))
    need(restored == epoch, "the checkpoint is not of the epoch the log is in")
    need(not simulated or any(s[3] == "site" and s[4].get("simulated") for s in said), "simulated time at a site that is not said to be")
    return sorted(said, key=lambda s: s[:2]), records, named

def in_force(said, kind, at, **key):
    found = [s for s in said if s[3] == kind and s[0] <= at and all(s[4].get(k, d) == v for k, (v, d) in key.items())]
    return found[-1][4] if found else None

def series(records, signal, low, high):
    """Samples [(utc, value)] and gaps of a tag within [low, high], and its configuration."""
    samples, gaps, tag, configurations, before, lost = [], [], None, {}, None, None
    for h, content in records:
        if h["gateway"] != signal["gateway"]:
            continue
        if h["kind"] == 2:
            configurations[h["content"]] = json.loads(decompress(content))["tags"]
        need(h["sync"] == 2, "this reader places only synchronised records")
        offset = h["wall_ms"] - h["boot_ms"]
        gaps += [(lost, h["first_ms"] + offset)] if lost is not None else []
        lost, before = before if h["kind"] == 3 else None, h["last_ms"] + offset
        if h["kind"] != 1 or h["last_ms"] + offset < low or h["first_ms"] + offset > high:
            continue
        tags = configurations[h["configuration"]]
        columns, stated = batch(decompress(content))
        for number, times, values, good in columns:
            if tags[number]["id"] == signal["tag"]:
                tag = tags[number]
                samples += [(t + offset, v) for t, v, g in zip(times, values, good) if g and low <= t + offset <= high]
        for number, boot, start, end in stated:
            if number is None or tags[number]["id"] == signal["tag"]:
                gaps.append(((end if boot else start) + offset, end + offset))
    gaps += [(lost, before)] if lost is not None else []
    return sorted(samples, key=lambda s: s[0]), sorted(gaps), tag

def running(said, records, machine, window):
    """Intervals in which the machine runs, by its code rule (§4)."""
    samples, gaps, tag = series(records, machine["signals"]["state"], window[0] - 86400000, window[1] + 86400000)
    codes, out = machine["state_rule"]["codes"], []
    for (t, value), (after, _) in zip(samples, samples[1:] + [(window[1], None)]):
        silent = min([max(start, t) for start, end in gaps if end > t] or [after])
        end = min(after, silent, t + max(3 * tag["interval_ms"], 60000), window[1])
        if codes.get(str(value)) == "run" and end > max(t, window[0]):
            out.append((max(t, window[0]), end))
    return out

def planned_us(said, records, machine, signals, window):
    """Planned time of what the good counter counted in the window, by the product last seen at each step (§6)."""
    signal, (low, high) = signals["good"], (window[0] - 86400000, window[1] + 86400000)
    samples, _, tag = series(records, signal, low, high)
    shown = series(records, signals["product"], low, high)[0] if "product" in signals else []
    cycle = lambda product: in_force(said, "cycle_time", window[0], machine=(machine, None), product=(product, "*"))
    known = {s[4].get("product", "*") for s in said if s[3] == "cycle_time" and s[4]["machine"] == machine}
    cycles = {product: cycle(product) for product in known if cycle(product)}
    able(cycles, "no planned cycle time")
    counter, total, fastest = tag.get("counter", {}), 0, min(c["item_us"] for c in cycles.values())
    planned = -(-(10800000000 // fastest + 1) * tag["scale"]["den"] // abs(tag["scale"]["num"]))
    rate = signal.get("max_per_hour") or counter.get("max_per_hour") or planned
    for (t0, v0), (t1, v1) in zip(samples, samples[1:]):
        possible = lambda d: (d - 1) * 3600000 <= rate * (t1 - t0)
        modulus = signal.get("modulus") or counter.get("modulus") or 0
        wrapped = v1 - v0 + modulus
        amount = v1 - v0 if v1 >= v0 else wrapped if modulus and v0 < modulus and wrapped >= 0 and possible(wrapped) else v1
        part = lambda t: amount * (min(max(t, t0), t1) - t0) // (t1 - t0)
        if possible(amount) and t1 > window[0] and t0 < window[1]:
            product = next((str(v) for t, v in reversed(shown) if t <= t1), "*")
            c = cycles.get(product) or cycles["*"]
            total += (part(window[1]) - part(window[0])) * c.get("items_per_cycle", 1) * c["item_us"]
    return half_up(total * tag["scale"]["num"], tag["scale"]["den"])
def check_locks(said, raw, report):
    """Every lock the report shows stands in its leaf, its parameters are the contents of their leaves, and the report says so (§7a)."""
    checked, plan = 0, report.get("measurement_plan") or {"metrics": []}
    for lock, metric in [(m["lock"], m) for m in plan["metrics"] if m["lock"]]:
        body = next((s[4] for s in said if s[1] == lock["leaf"] and s[3] == "baseline_lock"), None)
        need(body is not None, "leaf %d is no baseline_lock" % lock["leaf"])
        fields = ("size", "numerator", "denominator", "value", "sufficient", "parameters", "parameters_digest", "counts", "counts_digest")
        need(all(body[f] == lock[f] for f in fields), "lock %d: the report says something else" % lock["leaf"])
        need((body["definition"], body["machine"]) == (metric["definition"], metric["machine"]), "lock %d: another metric" % lock["leaf"])
        if not lock["confirmed"]: continue
        for p in body["parameters"]:
            need(p["leaf"] < body["size"] <= lock["leaf"], "lock %d: a parameter later than its prefix" % lock["leaf"])
            need(one(message(raw[p["leaf"]]), 7, b"").hex() == p["digest"], "lock %d: parameter %d has another digest" % (lock["leaf"], p["leaf"]))
        need(sha256(canonical(body["parameters"]).encode("utf-8")).hex() == body["parameters_digest"], "lock %d: digest of the parameters" % lock["leaf"])
        counts = {l for s in report["periods"] if s["period"] == "baseline" and s["machine"] == body["machine"] for l in s["statements"]} if not lock["changes"] and not lock["later_records"] else None
        kinds = {s[1]: s[3] for s in said}
        if counts is not None:
            listed = [{"leaf": l, "digest": one(message(raw[l]), 7, b"").hex()} for l in sorted(counts) if kinds[l] in ("quality_count", "batch")]
            need((len(listed), sha256(canonical(listed).encode("utf-8")).hex()) == (body["counts"], body["counts_digest"]), "lock %d: other quality counts or batches" % lock["leaf"])
        before = (lock["as_locked"] or next(c for c in report["comparisons"] if (c["definition"], c["machine"]) == (body["definition"], body["machine"])))["before"]
        need((before["numerator"], before["denominator"], before["value"]) == (body["numerator"], body["denominator"], body["value"]), "lock %d: other sums" % lock["leaf"])
        (valid, asked), (shifts, scheduled) = body["days"], body["shifts"]
        need(not body["sufficient"] or valid >= asked and shifts >= 30 and shifts * 100 >= scheduled * 75, "lock %d: said to suffice" % lock["leaf"])
        if "PLAN_CHANGED_AFTER_LOCK" not in [f["code"] for f in plan["findings"]] and body["machine"] != "*" and not lock["differs"]:
            section = next(s for s in report["periods"] if (s["period"], s["machine"]) == ("baseline", body["machine"]))
            line = next((l for l in section["lines"] if l["definition"] == body["definition"]), None)
            need(line is None or half_up(int(line["numerator"]) * 10**6, int(line["denominator"])) == half_up(int(body["numerator"]) * 10**6, int(body["denominator"])), "lock %d: not the baseline's line" % lock["leaf"])
        checked += 1
    return checked

def check_promises(said, report):
    """Every verdict is what its interval bears, and every document counts once (§7a)."""
    micro = lambda s: (-1 if s[0] == "-" else 1) * int(s.lstrip("-").replace(".", ""))
    plan = report.get("measurement_plan") or {"metrics": [], "leaf": None}
    body = next((s[4] for s in said if s[1] == plan["leaf"]), None)
    for metric in plan["metrics"]:
        name, change = "%s of %s" % (metric["definition"], metric["machine"]), metric["change"]
        if metric["verdict"] and change and change["lower"] and metric["reasons"] in ([], ["INTERVAL_CONTAINS_TARGET"]):
            low, high, least = micro(change["lower"]), micro(change["upper"]), round(float(metric["target"]["value"]) * 10000)
            low, high = (low, high) if metric["target"]["direction"] == "increase" else (-high, -low)
            need(metric["verdict"] == ("MET" if low >= least else "NOT_MET" if high < least else "INSUFFICIENT"), "verdict on %s" % name)
        elif metric["verdict"]: need(metric["verdict"] == "INSUFFICIENT", "verdict on %s without evidence" % name)
        papers = {}
        for _, leaf, _, kind, d, *_ in sorted(said, key=lambda s: s[1]):
            if kind == "evidence_document": papers[d["document"]] = (d["from"], leaf, d)
        of = lambda d: not d.get("withdrawn") and (d["definition"], d.get("machine", "*")) == (metric["definition"], metric["machine"]) and d["to"] < body["reporting"]["from"]
        papers = sorted(p for p in papers.values() if of(p[2]))
        found = metric["documented"] or {"documents": [], "value": None}
        need(found["documents"] == [p[1] for p in papers], "documents on %s" % name)
        overlap = any(b[0] <= a[2]["to"] for a, b in zip(papers, papers[1:]))
        total = lambda field: sum(micro(p[2][field].partition(".")[0] + "." + p[2][field].partition(".")[2].ljust(6, "0")) for p in papers)
        value = "%d.%06d" % divmod(half_up(total("amount") * 10**6, total("per")), 10**6) if papers and not overlap else None
        need(found["value"] == value, "the documents on %s give %s" % (name, value))

def check_withheld(records, report):
    """What is not in the bundle and falls into a period, the report says to be missing (§8) — unless no reading is in it at all."""
    able(any(content is not None for h, content in records if h["kind"] == 1) or not any(h["kind"] == 1 for h, _ in records), "no readings are in the bundle: the report is what the server stated")
    for p in report["request"]["periods"]:
        begin, end = (datetime.datetime.fromisoformat(d).replace(tzinfo=zoneinfo.ZoneInfo(report["zone"])).timestamp() * 1000 for d in (p["from"], p["to"]))
        told = any("CONTENT_MISSING" in s["flags"] for s in report["periods"] if s["period"] == p["name"])
        for h, content in records:
            offset = h["wall_ms"] - h["boot_ms"]
            inside = h["sync"] == 2 and h["readings"] and h["last_ms"] + offset >= begin and h["first_ms"] + offset < end + 86400000
            need(content is not None or not inside or told, "record %d of %s is withheld and the report does not say so" % (h["sequence"], h["gateway"]))

def able(truth, why):
    """Ends where this reader computes no further, with nothing said against the bundle."""
    if not truth: sys.exit("computes no further: " + why)

def half_up(n, d): return (2 * n + d) // (2 * d)

def main(path, trust_path, name, date, shift):
    trust = json.load(open(trust_path, encoding="utf-8"))
    manifest, files = open_bundle(path)
    origin, size, digest = checkpoint(files["checkpoint"].decode("utf-8"), trust["log_keys"])
    need((origin, size) == (manifest["origin"], manifest["size"]), "the manifest names another log or size")
    need(size <= 256 * len(files), "leaves missing")
    tiles = [entry_path(n, min(256, size - 256 * n)) for n in range((size + 255) // 256)]
    raw = [e for tile in tiles for e in entries(files[tile])]
    need(len(raw) == size and root([sha256(b"\0" + leaf) for leaf in raw]) == digest, "leaves are not the checkpoint's")
    seen = witnesses(files["checkpoint"].decode("utf-8"), trust, zigzag(one(message(raw[-1]), 2)))
    said, records, named = walk(files, raw, trust, manifest["site"], site_of(origin, manifest["site"]))
    more = extra(files, tiles, named)
    need(not more, "files that nothing speaks for: " + " ".join(more))
    need(any(s[3] == "report_issued" and s[4]["report"] == sha256(files["report.json"]).hex() for s in said), "never issued")
    report = load_canonical(files["report.json"])
    issues = [s[4] for s in said if s[3] == "report_issued" and s[4]["report"] == sha256(files["report.json"]).hex()]
    for path in (p for p in files if p.startswith("report.") and p != "report.json"):
        need(any(i.get("documents", {}).get(path) == sha256(files[path]).hex() for i in issues), "not a document that was issued: " + path)
    locks = check_locks(said, raw, report)
    check_promises(said, report)
    beside = check_beside(said, raw, records, report)
    steps = check_steps(said, raw, report)
    check_withheld(records, report)
    filings = check_filings(said, records, report)
    section = next((s for s in report["shifts"] if (s["machine"], s["date"], s["shift"]) == (name, date, shift)), None)
    able(section, "the report has no such shift")
    noon = int(datetime.datetime.fromisoformat(date + "T12:00:00+00:00").timestamp() * 1000)
    machine = in_force(said, "machine", noon, machine=(name, None))
    calendar = in_force(said, "calendar", noon, calendar=(machine.get("calendar", "main"), "main"))
    site = in_force(said, "site", noon) or next(s[4] for s in said if s[3] == "site")
    zone = zoneinfo.ZoneInfo(site["zone"])
    rule = next(s for s in calendar["shifts"] if s["shift"] == shift)
    def utc(clock, not_before):
        minutes = int(clock[:2]) * 60 + int(clock[3:])
        minutes += 1440 if minutes < not_before else 0
        return minutes, int((datetime.datetime.fromisoformat(date).replace(tzinfo=zone) + datetime.timedelta(minutes=minutes)).timestamp() * 1000)
    opening, start = utc(rule["start"], 0)
    window = (start, utc(rule["end"], opening + 1)[1])
    able(not [s for s in said if s[3] in ("machine", "cycle_time") and window[0] < s[0] < window[1]], "cut window: pick another shift")
    stops = [(utc(b["start"], opening)[1], utc(b["end"], opening)[1]) for b in rule.get("breaks", [])]
    able(not [s for s in said if s[3] == "planned_stop" and s[4]["machine"] == name], "declared stops: pick another machine")
    run = running(said, records, machine, window)
    pbt = window[1] - window[0] - sum((b - a) - sum(max(0, min(b, d) - max(a, c)) for c, d in run) for a, b in stops)
    good = planned_us(said, records, name, machine["signals"], window)
    line = next(l for l in section["lines"] if l["definition"] == "oee.iso22400@1")
    value = "%d.%06d" % divmod(half_up(good * 1000000, pbt * 1000), 1000000)
    print("leaves %d, witnesses %d, locks %d, records %d, PBT %d ms, planned time of good %d us, OEE %s" % (size, len(seen), locks, len(records), pbt, good, value))
    if filings: print("filed plans %d" % filings)
    if any(steps): print("on-site checks %d, deviations %d" % steps)
    if beside[1]: print("beside %d of %d" % beside)
    need([str(good), str(pbt * 1000), value] == [line["numerator"], line["denominator"], line["value"]], "the report says %s" % line)
if __name__ == "__main__": main(*sys.argv[1:])
