"""On-site checks and deviations in the report (docs/report-computation.md §7d, §7e): their sections again from the statements, draws from the tree."""
import datetime, struct, zoneinfo
from beside import splitmix
from filed import day_of
from formats import *

CHECKERS, AUTHORITIES = ("assessor", "centre", "supervisor", "district"), ("district", "centre", "city")
ACTS = {"onsite_press": "press", "onsite_face": "face", "onsite_plate": "plate"}
# Left out where a statement is printed and they are empty.
EMPTY = ("serial", "meter_serial", "seal_number", "note", "others", "ledger_serial", "stated_serial", "reasons")

def clean(value):
    if isinstance(value, dict): return {k: clean(v) for k, v in value.items() if v is not None and not (k in EMPTY and v in ("", []))}
    return [clean(v) for v in value] if isinstance(value, list) else value

def counts(s):
    """Whether the account of a statement may make it."""
    return s[5] == "firm" if s[3] == "onsite_confirmed" and s[4]["side"] == "firm" else s[5] in CHECKERS

def seal(entries, raw, through):
    last, data = 0, b"gongzheng/v1/onsite-confirm\0"
    for s in entries:
        if s[1] <= through and s[3] != "onsite_confirmed" and counts(s):
            last, data = s[1], data + struct.pack(">Q", s[1]) + one(message(raw[s[1]]), 7)
    return last, sha256(data).hex()

def seed(root_, check): return sha256(b"gongzheng/v1/onsite-draw\0" + root_ + check.encode("utf-8"))[:8].hex()

def draw(said, raw, asked):
    """What a statement that asks for a draw gives, by the tree that ends with it (formats §6)."""
    _, of, received, _, body, _, _ = asked
    top = root([sha256(b"\0" + leaf) for leaf in raw[:of + 1]])
    held = {}
    for s in said:
        if s[3] == "machine" and s[1] < of and s[0] <= received: held[s[4]["machine"]] = s[4].get("role", "production")
    machines = sorted(m for m, role in held.items() if role != "meter")
    random, left = splitmix(int(seed(top, body["check"]), 16)), list(machines)
    drawn = [left.pop((next(random) >> 11) * len(left) >> 53) for _ in range(min(body["wanted"], len(machines)))]
    return {"root": top.hex(), "machines": machines, "drawn": drawn}

def differs(found, kind, body):
    """Whether what was found differs from what was done or seen."""
    (what, f), = found.items()
    if what == "state" and kind == "onsite_press":
        changed = f["outcome"] == "changed"
        return not (changed and f.get("change")) and f["outcome"] != "not_observed" or bool(f.get("others")) and not changed
    if what == "meter": return any(not f[k]["agrees"] for k in ("register", "increment") if f.get(k))
    if what == "plate" and kind == "onsite_plate": return "differs" in [f[k] for k in ("serial", "meter_serial", "ct", "scale")] or body["seal"] == "broken"
    return False

def sheet(check, entries, raw):
    own, first = [s for s in entries if counts(s)], {}
    for s in own:
        if s[3] == "onsite_result" and s[4].get("found") is not None: first.setdefault(s[4]["of"], s)
    who = lambda s: {"leaf": s[1], "received_ms": s[2], "author": s[6], "role": s[5]}
    draws, acts, confirmations, chosen = [], [], [], set()
    for s in (s for s in own if s[3] == "onsite_check"):
        result = first.get(s[1])
        of = result[4]["found"].get("draw") if result else None
        line = of and {"leaf": result[1], "root": of["root"], "seed": seed(bytes.fromhex(of["root"]), check), "machines": of["machines"], "drawn": of["drawn"]}
        chosen |= set(of["drawn"]) if of else set()
        draws.append(who(s) | {"body": s[4]["body"], "wanted": s[4]["wanted"], "drawn": line})
    for s in (s for s in own if s[3] in ACTS):
        result, stated = first.get(s[1]), clean(s[4]) | ({"same_register": s[4].get("same_register", True)} if s[3] == "onsite_face" else {})
        line = result and {"leaf": result[1], "size": result[4]["size"], "found": clean(result[4]["found"]), "differs": differs(result[4]["found"], s[3], s[4])}
        acts.append(who(s) | {"machine": s[4]["machine"], "drawn": s[4]["machine"] in chosen, "stated": {ACTS[s[3]]: stated}, "result": line})
    through, digest = seal(entries, raw, 1 << 64)
    for s in (s for s in own if s[3] == "onsite_confirmed"):
        end = s[4]["through"]
        confirmations.append(who(s) | {"side": s[4]["side"], "through": end, "holds": seal(entries, raw, end) == (end, s[4]["digest"]), "current": end == through})
    ends = [max((c["through"] for c in confirmations if c["side"] == side and c["holds"]), default=-1) for side in ("checker", "firm")]
    leaves, disregarded = [line["leaf"] for line in draws + acts], []
    for s in entries:
        why = None
        if s not in own: why = "NOT_THE_FIRM" if s[3] == "onsite_confirmed" and s[4]["side"] == "firm" else "NOT_A_CHECKER"
        elif s[3] == "onsite_result":
            if s[4]["of"] not in leaves: why = "NO_SUCH_ACT"
            elif s[4].get("found") is None: why = "NOTHING_FOUND"
            elif first[s[4]["of"]] is not s: why = "RECORDED_ALREADY"
        if why: disregarded.append({"leaf": s[1], "code": why})
    results = [a["result"] for a in acts if a["result"]]
    return {"check": check, "draws": draws, "acts": acts, "counted": [len(acts), len(results), sum(r["differs"] for r in results)],
        "confirmations": confirmations, "through": through, "digest": digest,
        "confirmed": [any(c["side"] == side and c["holds"] and c["current"] for c in confirmations) for side in ("checker", "firm")],
        "unconfirmed": sum(leaf > min(ends) for leaf in leaves), "disregarded": disregarded}

def following(of):
    """What comes next of a deviation."""
    if of["closed"]: return "CLOSED"
    if not of["explanations"]: return "EXPLANATION"
    if not of["measures"]: return "MEASURES"
    return "CLOSING" if of["remeasured"] and of["remeasured"][-1][1] > of["measures"][-1][1] else "REMEASUREMENT"

def judge(found, s, zone):
    """Why a step counts for nothing, in the order of §7e."""
    _, _, received, kind, body, role, _ = s
    of, today = found.get(body["deviation"]), day_of(received, zone)
    if kind == "deviation_notice":
        if role not in AUTHORITIES: return "NOT_AN_AUTHORITY"
        if of: return "SAME_ID"
        if any(d["notice"][4]["target"] == body["target"] and not d["closed"] for d in found.values()): return "STILL_OPEN"
        return {"reached": "TARGET_REACHED", "open": "NOT_ENOUGH"}.get(body["measured"]["standing"])
    if of is None: return "NO_NOTICE"
    if of["closed"]: return "CLOSED"
    if kind in ("deviation_explanation", "deviation_measures") and role != "firm": return "NOT_THE_FIRM"
    if kind == "deviation_measures":
        if not of["explanations"]: return "NO_EXPLANATION"
        if any(m["due"] < today for m in body["measures"]): return "DUE_BEFORE"
    if kind == "deviation_remeasured":
        if role not in ("firm",) + AUTHORITIES: return "NOT_WHO_MEASURES"
        if not of["measures"]: return "NO_MEASURES"
        after = datetime.date.fromisoformat(day_of(of["measures"][-1][2], zone)) + datetime.timedelta(days=1)
        if body["measured"]["window"]["from"] < after.isoformat(): return "BEFORE_MEASURES"
        alike = lambda m: (m["definition"], m["base"], m["unit"])
        if alike(body["measured"]) != alike(of["notice"][4]["measured"]): return "COUNTED_OTHERWISE"
    if kind == "deviation_closed":
        if role not in AUTHORITIES: return "NOT_AN_AUTHORITY"
        if following(of) != "CLOSING": return "NOT_REMEASURED"
    return None

def deviations(filing, steps, zone, at):
    found, loose = {}, []
    for s in steps:
        why, of = judge(found, s, zone), found.get(s[4]["deviation"])
        if why: (of["disregarded"] if of else loose).append({"leaf": s[1], "code": why})
        elif s[3] == "deviation_notice": found[s[4]["deviation"]] = {"notice": s, "explanations": [], "measures": [], "remeasured": [], "closed": [], "disregarded": [], "steps": [s]}
        else:
            of[{"deviation_explanation": "explanations", "deviation_measures": "measures", "deviation_remeasured": "remeasured", "deviation_closed": "closed"}[s[3]]].append(s)
            of["steps"].append(s)
    out = []
    for name, of in found.items():
        noticed, closed = (day_of(s[2], zone) if s else None for s in (of["notice"], of["closed"][0] if of["closed"] else None))
        days = (datetime.date.fromisoformat(closed or at) - datetime.date.fromisoformat(noticed)).days
        last, lines = of["measures"][-1] if of["measures"] else None, []
        counted = of["remeasured"][-1] if of["remeasured"] and last and of["remeasured"][-1][1] > last[1] else None
        for s in of["steps"]:
            kind, body = s[3].removeprefix("deviation_"), s[4]
            line = {"step": kind, "leaf": s[1], "received_ms": s[2], "role": s[5]}
            text_ = {"notice": "asks", "explanation": "explanation", "closed": "reason"}.get(kind)
            if text_: line["text"] = body[text_]
            if kind == "measures": line["measures"] = body["measures"]
            if "measured" in body: line["measured"] = clean(body["measured"])
            if kind == "measures" and s is not last or kind == "remeasured" and s is not counted: line["superseded"] = True
            lines.append(line)
        overdue = [m for m in last[4]["measures"] if m["due"] < at] if last and not closed else []
        out.append({"deviation": name, "target": of["notice"][4]["target"], "next": following(of), "noticed": noticed, "closed": closed,
            "days": days if days >= 0 else None, "steps": lines, "overdue": overdue, "disregarded": of["disregarded"]})
    return {"filing": filing, "at": at, "deviations": out, "disregarded": loose}

def check_steps(said, raw, report):
    """Both sections are what the statements give, and every draw of the log what its tree gives; returns how many checks and deviations."""
    request, practice, zone = report["request"], report.get("practice", {}), zoneinfo.ZoneInfo(report["zone"])
    invalid = {s["leaf"] for s in report["statements"] if s["invalid"]}
    order = sorted((s for s in said if s[1] not in invalid), key=lambda s: s[1])
    asked = {s[1]: s for s in order if s[3] == "onsite_check"}
    for s in (s for s in order if s[3] == "onsite_result" and s[4].get("found") is not None and s[4]["of"] in asked):
        need(s[4]["found"] == {"draw": draw([m for m in said if m[1] not in invalid], raw, asked[s[4]["of"]])}, "leaf %d: another draw than its root gives" % s[1])
    order = [s for s in order if s[1] < request["size"]]
    by = lambda prefix, key: {name: [s for s in order if s[3].startswith(prefix) and s[4][key] == name] for name in sorted({s[4][key] for s in order if s[3].startswith(prefix)})}
    sheets = [sheet(check, entries, raw) for check, entries in by("onsite_", "check").items()]
    at, until = max(p["to"] for p in request["periods"]), request.get("until_ms")
    at = at if until is None else min(at, day_of(until, zone))
    courses = [deviations(filing, steps, zone, at) for filing, steps in by("deviation_", "filing").items()]
    for name, own, key in (("onsite", sheets, "check"), ("deviations", courses, "filing")):
        given = practice.get(name, [])
        need(bool(given) == bool(request.get(name)), "%s: asked for and not told, or told and not asked for" % name)
        if not given: continue
        need([g[key] for g in given] == [o[key] for o in own], "%s: other ones than the log has" % name)
        for g, o in zip(given, own):
            for k in sorted(set(g) | set(o)): need(g.get(k) == o.get(k), "%s %s: %s is %s" % (name, o[key], k, o.get(k)))
    return len(practice.get("onsite", [])), sum(len(d["deviations"]) for d in practice.get("deviations", []))
