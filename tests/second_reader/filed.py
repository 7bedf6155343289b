"""Filed plans in the report (docs/report-computation.md §7c): the course of applications, the plan in force and what is there, again from the log."""
import datetime, math, zoneinfo
from formats import *

QUIET_DAYS = 7
LAST = "9999-12-31"

def bare(value):
    """A statement as the report prints it: what is not said, and a list of no points, left out."""
    if isinstance(value, dict): return {k: bare(v) for k, v in value.items() if v is not None and not (k == "points" and v == [])}
    return [bare(v) for v in value] if isinstance(value, list) else value

def day_of(ms, zone): return datetime.datetime.fromtimestamp(ms // 1000, zone).date().isoformat()

def storable(value):
    if isinstance(value, float): return math.isfinite(value) and abs(value) * 10**6 < 2**63
    return not isinstance(value, int) or value < 2**63

def course(filed, route, together, zone):
    """Applications by id in order of their first submission, and what counts for nothing beside them."""
    plans, found, loose = [s for s in filed if s[3] == "filed_plan"], {}, []
    deciding = route[len(route) - together:] if route else []
    for _, leaf, received, kind, body, role, _ in filed:
        if kind == "filed_plan": continue
        logged, name = day_of(received, zone), body["change"]
        of = found.get(name)
        if kind == "plan_change":
            why = None
            if route is not None and role != "firm": why = "NOT_THE_FIRM"
            elif body["date"] > logged: why = "DATED_LATER"
            elif not plans: why = "NO_PLAN"
            elif body["date"] < plans[0][4]["filed"]: why = "BEFORE_FILING"
            elif of and of["status"]["code"] in ("APPROVED", "REFUSED"): why = "DECIDED"
            elif of and of["status"]["code"] == "WAITING": why = "STILL_ASKED"
            elif of and body["date"] < of["latest"]: why = "BEFORE_LAST"
            if why:
                (of["disregarded"] if of else loose).append({"leaf": leaf, "code": why})
                continue
            if of is None: of = found[name] = {"submitted": 0, "disregarded": [], "opinions": [], "superseded": []}
            begin = {"code": "WAITING", "by": route[0]} if route else {"code": "NO_ROUTE", "by": None}
            of.update(leaf=leaf, body=body, latest=body["date"], status=begin, opinions=[], superseded=of["superseded"] + of["opinions"],
                submitted=of["submitted"] + 1)
            continue
        if of is None:
            loose.append({"leaf": leaf, "code": "NO_APPLICATION"})
            continue
        stands, by, why = of["status"], body["by"], None
        left = [o for o in route or [] if o not in [said["by"] for said in of["opinions"]]]
        if role != by: why = "NOT_WHO_IS_ASKED"
        elif body["date"] > logged: why = "DATED_LATER"
        elif body.get("submission") not in (None, of["leaf"]): why = "OTHER_SUBMISSION"
        elif stands["code"] in ("NO_ROUTE", "RETURNED"): why = stands["code"]
        elif stands["code"] != "WAITING": why = "DECIDED"
        elif by != stands["by"] and not (stands["by"] in deciding and by in deciding and by in left): why = "OUT_OF_ORDER"
        elif body["date"] < of["latest"]: why = "BEFORE_LAST"
        if why:
            of["disregarded"].append({"leaf": leaf, "code": why})
            continue
        of["opinions"].append({"leaf": leaf, "by": by, "body": body["body"], "role": role, "opinion": body["opinion"], "date": body["date"],
            "received_ms": received, "reason": body.get("reason", "")})
        of["latest"] = body["date"]
        if body["opinion"] == "agree":
            left.remove(by)
            of["status"] = {"code": "WAITING", "by": left[0]} if left else {"code": "APPROVED", "by": None}
            if not left: of["approved"] = {"change": name, "date": body["date"], "received": logged, "leaf": leaf}
        else:
            of["status"] = {"code": "REFUSED" if body["opinion"] == "disagree" else "RETURNED", "by": by}
    return found, loose

def changed(plan, items):
    """A plan with the items of an application."""
    plan = dict(plan)
    lists = {"machine": ("machines", "machine"), "line": ("lines", "line"), "target": ("targets", "target"), "gateway": ("gateways", None)}
    for item in items:
        (kind, value), = item.items()
        what = lists.get(kind.removeprefix("without_"))
        if what is None:
            if kind == "other": plan["others"] = plan.get("others", []) + [value]
            else: plan[kind] = value
            continue
        name, key = what
        own = lambda entry: entry[key] if key else entry
        gone = value if kind.startswith("without_") else own(value)
        kept, at = list(plan.get(name, [])), next((i for i, e in enumerate(plan.get(name, [])) if own(e) == gone), None)
        if kind.startswith("without_"): kept = [e for e in kept if own(e) != gone]
        elif at is None: kept.append(value)
        else: kept[at] = value
        plan[name] = kept
    return plan

def promised(plan):
    """Everything promised: (0, machine, point or nothing) and (1, gateway, nothing)."""
    machines = [(0, m["machine"], p) for m in plan.get("machines", []) for p in [""] + m.get("points", [])]
    return set(machines) | {(1, g, "") for g in plan.get("gateways", [])}

def allows(plan, key):
    """Whether something may be there by a plan: promised, or a point of a machine that is promised whole."""
    kind, name, point = key
    whole = any(m["machine"] == name and not m.get("points") for m in plan.get("machines", []))
    return key in promised(plan) or kind == 0 and point != "" and whole

def seen(records, periods, until, zone):
    """First and last instant, in the days of the periods, of every (gateway, tag) and gateway; the second is whether all could be placed."""
    def days(p):
        begin, end = (datetime.date.fromisoformat(p[k]) + datetime.timedelta(days=n) for k, n in (("from", 0), ("to", 1)))
        begin, end = (int(datetime.datetime.combine(d, datetime.time(), zone).timestamp() * 1000) for d in (begin, end))
        return begin, end if until is None else min(end, until)
    spans, tags, gateways, tables = [days(p) for p in periods], {}, {}, {}
    def add(found, key, ms):
        if any(a <= ms < b for a, b in spans):
            low, high = found.get(key, (ms, ms))
            found[key] = min(low, ms), max(high, ms)
    for h, content in records:
        if h["kind"] == 2: tables[h["content"]] = json.loads(decompress(content))["tags"]
        if h["kind"] != 1: continue
        if h["sync"] != 2: return {}, {}, False
        offset = h["wall_ms"] - h["boot_ms"]
        if h["readings"]:
            add(gateways, h["gateway"], h["first_ms"] + offset)
            add(gateways, h["gateway"], h["last_ms"] + offset)
        near = any(h["first_ms"] + offset < b and h["last_ms"] + offset >= a for a, b in spans)
        if content is None or not near or h["configuration"] not in tables: continue
        for number, times, values, good in batch(decompress(content))[0]:
            for t, v, g in zip(times, values, good):
                if g and storable(v): add(tags, (h["gateway"], tables[h["configuration"]][number]["id"]), t + offset)
    return tags, gateways, True

def there(said, plan, filed, tags, gateways, zone):
    """First and last day of everything there, as long as its definition held: a point under every name the plan has for it, else under its
    tag where an application names that, else under its role."""
    points = lambda machines: {(m["machine"], p) for m in machines for p in m.get("points", [])}
    wanted = points(plan.get("machines", []))
    applied = points(i["machine"] for s in filed if s[3] == "plan_change" for i in s[4]["items"] if "machine" in i)
    found, definitions = {}, {}
    def see(key, span):
        since, last = (day_of(ms, zone) for ms in span)
        old = found.get(key, (since, last))
        found[key] = min(old[0], since), max(old[1], last)
    for s in said:
        if s[3] == "machine": definitions.setdefault(s[4]["machine"], []).append(s)
    for machine, held in definitions.items():
        ends = [s[0] for s in held[1:]] + [math.inf]
        for s, end in zip(held, ends):
            for role, signal in s[4]["signals"].items():
                span = tags.get((signal["gateway"], signal["tag"])) if signal else None
                if span is None: continue
                span = max(span[0], s[0]), min(span[1], end - 1)
                if span[0] > span[1]: continue
                names = [n for n in (role, signal["tag"]) if (machine, n) in wanted]
                for point in names or [signal["tag"] if (machine, signal["tag"]) in applied else role]:
                    see((0, machine, ""), span)
                    see((0, machine, point), span)
    for gateway, span in gateways.items(): see((1, gateway, ""), span)
    return found

def rows(plan, others, found, open_, at):
    """Every row in order, and the counts of machines, points and gateways; `others` are the other filings of the request, each with its plan."""
    wanted, out, counts = promised(plan), [], [[0] * 3 for _ in range(3)]
    over = lambda p: at > p["term"]["to"]
    for key in sorted(wanted | set(found)):
        kind, name, point = key
        days = found.get(key)
        producing = bool(days) and 0 <= (datetime.date.fromisoformat(at) - datetime.date.fromisoformat(days[1])).days <= QUIET_DAYS
        beside = days is not None and not allows(plan, key)
        elsewhere = next((n for n, p in others if beside and allows(p, key)), None)
        extra, missing = beside and elsewhere is None, key in wanted and days is None and over(plan)
        difference = None
        if extra or missing:
            covers = [n for n, p in open_ if (allows(p, key) if extra else key not in promised(p) or not over(p))]
            difference = {"kind": "EXTRA" if extra else "MISSING", "covered_by": covers[0] if covers else None}
        for i, yes in enumerate([True, days is not None, producing]):
            counts[2 if kind else 1 if point else 0][i] += key in wanted and yes
        out.append({"machine": None if kind else name, "point": point or None, "gateway": name if kind else None, "promised": key in wanted,
            "connected": days[0] if days else None, "last": days[1] if days else None, "producing": producing, "difference": difference}
            | ({"elsewhere": elsewhere} if elsewhere else {}))
    return out, counts

def read(said, report, asked):
    """A filing of the request: its statements, the rule it names, by what changes are judged, its course, and the plan in force."""
    zone = zoneinfo.ZoneInfo(report["zone"])
    kinds = ("filed_plan", "plan_change", "plan_opinion")
    filed = sorted((s for s in said if s[3] in kinds and s[4]["filing"] == asked["filing"]), key=lambda s: s[1])
    plans = [s for s in filed if s[3] == "filed_plan"]
    named = plans[0][4].get("rule") if plans else None
    rule = asked.get("rule") if named and asked.get("rule", {}).get("id") == named else None
    change = rule["change"] if rule and "change" in rule else {}
    route = change.get("opinions")
    basis = "NO_RULE" if not named else "RULE_UNKNOWN" if not rule else "ROUTE" if route else "NO_ROUTE"
    found, loose = course(filed, route, change.get("together", 1), zone)
    plan = plans[0][4] if plans else None
    approved = sorted((a for a in found.values() if "approved" in a), key=lambda a: a["approved"]["leaf"])
    if plan:
        for a in approved: plan = changed(plan, a["body"]["items"])
    return filed, plans, named, basis, found, loose, approved, plan

def computed(said, records, report, asked):
    """What the report has to say of a filing, and whether what is there could be computed."""
    size, zone, periods = report["request"]["size"], zoneinfo.ZoneInfo(report["zone"]), report["request"]["periods"]
    until = report["request"].get("until_ms")
    filed, plans, named, basis, found, loose, approved, plan = read(said, report, asked)
    need(filed, "no statement of the filing " + asked["filing"])
    others = [(o["filing"], read(said, report, o)[-1]) for o in report["request"]["filings"] if o["filing"] != asked["filing"]]
    others = [(name, other) for name, other in others if other]
    at = max(p["to"] for p in periods)
    at = at if until is None else min(at, day_of(until, zone))
    out = {"filing": asked["filing"], "at": at, "quiet_days": QUIET_DAYS, "rule": named, "basis": basis, "plan": None, "applications": [
        {"change": name, "leaf": a["leaf"], "date": a["body"]["date"], "submitted": a["submitted"], "items": bare(a["body"]["items"]),
            "reason": a["body"]["reason"], "status": a["status"], "opinions": a["opinions"], "disregarded": a["disregarded"]}
            | ({"superseded": a["superseded"]} if a["superseded"] else {}) for name, a in found.items()]}
    tags, gateways, placed = seen([r for r in records if r[0]["leaf"] < size], periods, until, zone)
    if plans:
        loose += [{"leaf": s[1], "code": "STATED_AGAIN"} for s in plans[1:] if bare(s[4]) != bare(plans[0][4])]
        first = plans[0][4]
        open_ = [(n, changed(plan, a["body"]["items"])) for n, a in found.items() if a["status"]["code"] not in ("APPROVED", "REFUSED")]
        all_, counts = rows(plan, others, there(said, plan, filed, tags, gateways, zone), open_, at)
        fen = lambda p: str(sum(l["amount_fen"] for l in p.get("lines", [])))
        out["plan"] = {
            "names": {k: first["names"].get(k, "") for k in ("zh", "en")}, "number": first.get("number"), "leaf": plans[0][1], "received_ms": plans[0][2],
            "filed": first["filed"], "term": plan["term"], "term_filed": first["term"], "firm": plan.get("firm"), "others": plan.get("others", []),
            "changes": [a["approved"] for a in approved], "machines_counted": counts[0], "points_counted": counts[1], "gateways_counted": counts[2],
            "machines": [r for r in all_ if r["machine"] and not r["point"]], "gateways": [r for r in all_ if r["gateway"]],
            "points": [r for r in all_ if r["point"] and (r["difference"] or r["promised"] and not r["producing"])],
            "investment": {"fen": fen(plan), "filed_fen": fen(first), "lines": len(plan.get("lines", []))}, "targets": bare(plan.get("targets", []))}
    out["disregarded"] = sorted(loose, key=lambda d: d["leaf"])
    return out, placed

SEEN = ("machines_counted", "points_counted", "gateways_counted", "machines", "points", "gateways")

def check_filings(said, records, report):
    """Every filing of the request is said as the log gives it; returns how many were compared whole."""
    asked, told = report["request"].get("filings", []), report.get("practice", {}).get("filings", [])
    need(("practice" in report) == any(report["request"].get(k) for k in ("filings", "onsite", "deviations")), "filed plans are asked for and not told, or told and not asked for")
    need([f["filing"] for f in told] == [a["filing"] for a in asked] == sorted({a["filing"] for a in asked}), "other filed plans than asked for")
    invalid = {s["leaf"] for s in report["statements"] if s["invalid"]}
    said = [s for s in said if s[1] < report["request"]["size"] and s[1] not in invalid]
    whole = 0
    for one_, given in zip(asked, told):
        own, placed = computed(said, records, report, one_)
        for key in sorted(set(own) | set(given)):
            if key == "plan" and own["plan"] and given["plan"]:
                for part in sorted(set(own["plan"]) | set(given["plan"])):
                    if placed or part not in SEEN:
                        need(own["plan"].get(part) == given["plan"].get(part), "filed plan %s: %s is %s" % (one_["filing"], part, own["plan"].get(part)))
            else: need(own.get(key) == given.get(key), "filed plan %s: %s is %s" % (one_["filing"], key, own.get(key)))
        whole += placed
    return whole
