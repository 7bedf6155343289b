"""Machines beside machines (docs/report-computation.md §7b): sums and intervals again from the report's own shifts, the lock from its leaf."""
import datetime, zoneinfo
from formats import *

# Ratios whose numerator and denominator stand in every shift; energy per good item is summed over other windows.
RATIOS = ("oee.iso22400@1", "availability.iso22400@1", "performance.iso22400@1", "quality.iso22400@1")
MASK = (1 << 64) - 1
LOCKED = ("site", "calendar")
# With one of these the comparison side is graded D.
WEAK = {"PLAN_AFTER_START", "LOCKED_AFTER_START", "COMPARISON_NOT_LOCKED", "COMPARISON_UNFIT", "COMPARISON_LEFT", "LOCK_MISSTATED"}
OF_MACHINE = ("machine", "cycle_time", "recipe", "ledger")

def micro(s): return (-1 if s[0] == "-" else 1) * int(s.lstrip("-").replace(".", ""))

def splitmix(seed):
    while True:
        seed = (seed + 0x9E3779B97F4A7C15) & MASK
        z = ((seed ^ (seed >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        yield z ^ (z >> 31)

def interval(reference, own, method):
    """2.5 and 97.5 % quantiles (type 7) of the difference of sums over the same dates."""
    n, random, found = len(own), splitmix(method["seed"] & MASK), []
    block = min(max(method["block_days"], next(k for k in range(1, n + 2) if k ** 3 >= n)), n)
    for _ in range(method["replicates"]):
        at = [(start + k) % n for start in (((next(random) >> 11) * n) >> 53 for _ in range(-(-n // block))) for k in range(block)][:n]
        (a, b), (c, d) = [[sum(side[i][k] for i in at) for k in (0, 1)] for side in (reference, own)]
        found.append(c / d - a / b)
    found.sort()
    def quantile(p):
        low = int((len(found) - 1) * p)
        return found[low] + ((len(found) - 1) * p - low) * (found[min(low + 1, len(found) - 1)] - found[low])
    return quantile(0.025), quantile(0.975)

def days(report, machines, definition, dates):
    """Σ numerators and Σ denominators of some machines by date, from their shifts that count."""
    out = {date: [0, 0] for date in dates}
    left_out = {e for p in report["periods"] if p["machine"] != "*" for e in p["excluded"]}
    for s in report["shifts"]:
        line = next((l for l in s["lines"] if l["definition"] == definition), None)
        if s["machine"] in machines and line and line["numerator"] and "%s %s %s" % (s["machine"], s["date"], s["shift"]) not in left_out:
            out[s["date"]][0] += int(line["numerator"])
            out[s["date"]][1] += int(line["denominator"])
    return [out[date] for date in dates]

def check_sums(report, name, printed, series):
    """Sums of rounded shifts are the sum within one per shift."""
    num, den = (sum(d[k] for d in series) for k in (0, 1))
    need(abs(num - int(printed["numerator"])) <= len(report["shifts"]) and abs(den - int(printed["denominator"])) <= len(report["shifts"]), "sums of %s" % name)
    if int(printed["denominator"]):
        value = half_up(int(printed["numerator"]) * 10**6, int(printed["denominator"]))
        need(micro(printed["value"]) == value, "value of %s" % name)

def without_nulls(x):
    """A member that is null is not said."""
    if isinstance(x, dict): return {k: without_nulls(v) for k, v in x.items() if v is not None}
    return [without_nulls(v) for v in x] if isinstance(x, list) else x

def role(said, machine):
    """The role of a machine by its last definition, whatever the report says; none of a machine nobody declared."""
    stated = [s[4] for s in said if s[3] == "machine" and s[4]["machine"] == machine]
    return stated[-1].get("role", "production") if stated else None

def half_up(n, d): return (2 * n + d) // (2 * d)

def chosen(plan):
    """A plan without its names, its lists in order, what it does not say as the rules have it: anything else leaves the lock."""
    plan = {"seed": 0, "replicates": 2000, "block_days": 7, **plan}
    others = plan.get("comparison", {}).get("machines", [])
    return {**plan, "names": None, "machines": sorted(plan["machines"]), "comparison": sorted(canonical(m) for m in others),
        "metrics": sorted(canonical({"machine": "*", **m}) for m in plan.get("metrics", []))}

def check_lock(said, raw, plan, body):
    """The first lock that stands counts; what is wrong with locks, and what left them, is found whatever the plan says now.
    Returns when it was logged and when the choice was stated, milliseconds, and whether the plan left it."""
    lock = (plan.get("comparison") or {}).get("lock")
    stated = sorted((s for s in said if s[3] == "comparison_lock" and s[4]["plan"] == plan["plan"]), key=lambda s: s[1])
    newest = lambda size: max((s[1] for s in said if s[3] == "plan" and s[4]["plan"] == plan["plan"] and s[1] < size), default=None)
    plans = {s[1]: s[4] for s in said if s[3] == "plan"}
    others = lambda p: [m["machine"] for m in p.get("comparison", {"machines": []})["machines"]]
    def stands(s):
        on = plans.get(s[4]["plan_leaf"])
        return (s[4]["size"] <= s[1] and newest(s[4]["size"]) == s[4]["plan_leaf"] and "comparison" in on and s[4]["machines"] == on["machines"]
            and s[4]["comparison"] == others(on))
    first = next((s for s in stated if stands(s)), None)
    if body.get("comparison"): need((lock is None) == (first is None) and (lock is None or lock["leaf"] == first[1]), "another lock of the comparison")
    findings = {(f["code"], f["leaf"]) for f in plan["findings"]}
    for s in stated: need(s is first or ("LOCK_REPEATED" if stands(s) else "LOCK_INVALID", s[1]) in findings, "comparison lock %d counts for nothing, and nothing is found" % s[1])
    dropped = first is not None and not body.get("comparison")
    need(dropped == any(code == "COMPARISON_DROPPED" for code, _ in findings), "locked comparison machines that the plan has no more")
    received = {s[1]: s[2] for s in said}
    if first is None: return None, received.get(plan["leaf"]), False
    entry, on = first[4], plans[first[4]["plan_leaf"]]
    # A locked baseline has a say in that finding as well.
    alone = not any(s[3] == "baseline_lock" and s[4]["plan"] == plan["plan"] for s in said)
    for leaf, p in plans.items():
        if leaf < entry["size"] or p["plan"] != plan["plan"]: continue
        left, found = chosen(p) != chosen(on), ("PLAN_CHANGED_AFTER_LOCK", leaf) in findings
        need(found if left else not (found and alone), "plan %d left its lock, or did not" % leaf)
    is_left = chosen(body) != chosen(on)
    choice = first[2], received[plan["leaf"] if is_left else entry["plan_leaf"]], is_left
    ours = set(on["machines"]) | {on.get("incoming")} | set(others(on))
    counts = lambda s: s[3] in LOCKED or s[1] == entry["plan_leaf"] or s[3] in OF_MACHINE and s[4].get("machine") in ours
    rests = [{"leaf": s[1], "digest": one(message(raw[s[1]]), 7, b"").hex()} for s in sorted(said, key=lambda s: s[1]) if s[1] < entry["size"] and counts(s)]
    is_it = rests == entry["parameters"] and sha256(canonical(rests).encode("utf-8")).hex() == entry["parameters_digest"]
    need(is_it != (("LOCK_MISSTATED", first[1]) in findings), "comparison lock %d: misstated" % first[1])
    if lock is None: return choice
    classes = {s[4]["machine"]: s[4].get("class") for s in said if s[3] == "ledger" and s[1] < entry["size"]}
    listed = {c["leaf"] for c in lock["changes"]}
    for s in said:
        if s[3] == "ledger" and s[1] >= entry["size"] and s[4]["machine"] in ours: need((s[1] in listed) == (s[4].get("class") != classes.get(s[4]["machine"])), "ledger %d after the lock" % s[1])
    need(all(entry[f] == lock[f] for f in ("size", "parameters_digest")) and lock["received_ms"] == first[2], "comparison lock %d: the report says something else" % lock["leaf"])
    need(lock["confirmed"] == is_it, "comparison lock %d: confirmed" % lock["leaf"])
    return choice

def check_retrofitted(said, report, plan, body):
    """No comparison machine was, by any plan that held in the dates, retrofitted before they end; or it is found."""
    midnight = lambda date: datetime.datetime.fromisoformat(date).replace(tzinfo=zoneinfo.ZoneInfo(report["zone"])).timestamp() * 1000
    day_after = lambda date: str(datetime.date.fromisoformat(date) + datetime.timedelta(1))
    dates, others = body["reporting"], [m["machine"] for m in body["comparison"]["machines"]]
    stated, is_found = sorted((s for s in said if s[3] == "plan"), key=lambda s: s[1]), False
    for i, s in enumerate(stated):
        p, end = s[4], next((later[2] for later in stated[i + 1:] if later[4]["plan"] == s[4]["plan"]), None)
        holds = p["plan"] != plan["plan"] if end is None else s[2] < midnight(day_after(dates["to"])) and end > midnight(dates["from"])
        begins = day_after(p["baseline"]["to"]) if p.get("baseline") else p["reporting"]["from"]
        is_found |= holds and begins <= dates["to"] and bool(set(p["machines"]) & set(others))
    need(is_found == ("COMPARISON_RETROFITTED" in [f["code"] for f in plan["findings"]]), "a comparison machine that was retrofitted, or was not")
    for m in plan["metrics"]: need(not is_found or not m.get("beside") or "COMPARISON_UNFIT" in m["beside"]["reasons"], "an unfit machine counts")

def check_roles(said, report, plan, comparison):
    """Machines are printed in their role, and a comparison machine that makes nothing, or that nobody declared, is found."""
    for m in report["machines"]: need(m["role"] == role(said, m["machine"]), "%s in another role than stated" % m["machine"])
    roles, codes = {role(said, m["machine"]) for m in comparison["machines"]}, {f["code"] for f in plan["findings"]}
    need(bool(roles - {None, "production"}) == ("COMPARISON_ROLE" in codes), "a comparison machine that makes nothing, or does")
    need((None in roles) == ("COMPARISON_UNKNOWN" in codes), "a comparison machine nobody declared, or somebody did")

def begins(report, metric, others):
    """The first instant evaluated of either side, as declared now; none where nothing was."""
    sections = {s["machine"]: s for s in report["periods"] if s["period"] == "reporting"}
    # A machine without state or counters is in no sum: it has no line of OEE.
    counts = lambda s: any(l["definition"] == "oee.iso22400@1" for l in s["lines"])
    sides = [sections[metric["machine"]]] + [sections[m] for m in others if m in sections and counts(sections[m])]
    return min((s["from_ms"] for s in sides if s["from_ms"] < s["to_ms"]), default=None)

def check_one(said, report, plan, body, metric, beside, is_now, simulated, choice):
    name = "%s of %s beside others" % (metric["definition"], metric["machine"])
    others = [m["machine"] for m in body["comparison"]["machines"]]
    need([m["machine"] for m in beside["machines"]] == others, "machines of %s" % name)
    # In a sum are machines that make things.
    makers = lambda machines: [m for m in machines if role(said, m) == "production"]
    need(beside["comparison"]["grade"] in (None, "C", "D"), "a grade too good on %s" % name)
    need(("COMPARISON_NOT_LOCKED" in beside["cautions"]) == (plan["comparison"]["lock"] is None), "%s: locked or not" % name)
    need(not WEAK & set(beside["cautions"] + beside["reasons"]) or beside["comparison"]["grade"] in (None, "D"), "a grade too good on %s" % name)
    (locked_ms, agreed_ms, is_left), first = choice, begins(report, metric, makers(others))
    need(is_left == ("COMPARISON_LEFT" in beside["reasons"]), "%s: the plan left its lock, or did not" % name)
    # Sections are printed as declared now.
    for code, at in (("LOCKED_AFTER_START", locked_ms), ("PLAN_AFTER_START", agreed_ms)) if is_now else ():
        is_late = None not in (at, first) and at > first and not simulated
        need(is_late == (code in beside["cautions"]), "%s: %s, or not" % (name, code))
    change, target = beside["change"], metric["target"]
    need((beside["reaches"] is None) == (target is None), "%s without a target" % name)
    if beside["reaches"] in ("REACHED", "NOT_REACHED"):
        low, high, least = micro(change["lower"]), micro(change["upper"]), round(float(target["value"]) * 10000)
        low, high = (low, high) if target["direction"] == "increase" else (-high, -low)
        need(not beside["reasons"] and beside["reaches"] == ("REACHED" if low >= least else "NOT_REACHED" if high < least else "UNDECIDED"), "reach of %s" % name)
    elif target: need(beside["reasons"], "%s is undecided without a reason" % name)
    (bn, bd), (an, ad) = ((int(beside[s]["numerator"]), int(beside[s]["denominator"])) for s in ("comparison", "retrofitted"))
    if bd and ad:
        wide = lambda n, d: half_up(n * 10**6, d) if n >= 0 else -half_up(-n * 10**6, d)
        need(micro(beside["difference"]) == wide(an * bd - bn * ad, ad * bd), "difference of %s" % name)
        need(beside["relative"] is None if not bn else micro(beside["relative"]) == wide(*((an * bd - bn * ad, ad * bn) if bn > 0 else (bn * ad - an * bd, -ad * bn))), "relative of %s" % name)
    if change:
        is_points = change["unit"] == "percentage_points"
        need(change["value"] == beside["difference" if is_points else "relative"], "change of %s" % name)
        need(not is_points or all(change[k] == beside[k] for k in ("lower", "upper")), "interval of the change of %s" % name)
    withheld, ends = set(beside["reasons"]) - {"INTERVAL_CONTAINS_TARGET", "NO_INTERVAL"}, [beside[k] and micro(beside[k]) for k in ("lower", "upper")]
    # An end printed as zero may lie on either side of it.
    signs = {"INSUFFICIENT"} if withheld or None in ends else {v for v, is_it in (("HIGHER", ends[0] >= 0), ("LOWER", ends[1] <= 0), ("NOT_SIGNIFICANT", ends[0] <= 0 <= ends[1])) if is_it}
    need(beside["verdict"] in signs, "%s: %s is not what the interval says" % (name, beside["verdict"]))
    p = report["request"]["periods"][0]
    first, last = (datetime.date.fromisoformat(p[k]) for k in ("from", "to"))
    dates = [str(first + datetime.timedelta(n)) for n in range((last - first).days + 1)]
    # Shifts are printed as declared now; a date without a calendar is in no series.
    whole = beside["comparison"]["days"] == beside["retrofitted"]["days"] == len(dates)
    if metric["definition"] not in RATIOS or not is_now or not whole: return 0
    own = makers(body["machines"]) if metric["machine"] == "*" else [metric["machine"]]
    a, b = (days(report, machines, metric["definition"], dates) for machines in (makers(others), own))
    common = [x[1] > 0 and y[1] > 0 for x, y in zip(a, b)]
    same = lambda series: [pair if both else [0, 0] for pair, both in zip(series, common)]
    a, b = same(a), same(b)
    check_sums(report, name, beside["comparison"], a)
    check_sums(report, name, beside["retrofitted"], b)
    for m in beside["machines"]: check_sums(report, name, m, same(days(report, [m["machine"]], metric["definition"], dates)))
    need(beside["common_days"] == sum(common), "days in common of %s" % name)
    if beside["lower"]:
        ends = interval(a, b, plan["comparison"]["method"])
        need(all(abs(end * 10**6 - micro(beside[k])) <= 2 for end, k in zip(ends, ("lower", "upper"))), "interval of %s: %s" % (name, ends))
    return 1

def check_beside(said, raw, records, report):
    """How many of the metrics beside others were recomputed, and how many there are."""
    said = [s[:4] + (without_nulls(s[4]),) + s[5:] for s in said if s[1] < report["request"]["size"]]
    plan = report.get("measurement_plan")
    body = next((s[4] for s in said if plan and s[1] == plan["leaf"]), {})
    comparison = body.get("comparison")
    need(bool(comparison) == bool(plan and plan.get("comparison")), "the plan's comparison machines")
    choice = check_lock(said, raw, plan, body) if plan else None
    if not comparison: return 0, 0
    need(plan["design"] == "machines_compared" and not report["comparisons"], "machines beside machines are not before and after")
    need(plan["comparison"]["machines"] == comparison["machines"], "other comparison machines")
    check_retrofitted(said, report, plan, body)
    check_roles(said, report, plan, comparison)
    # The newest statement of the site holds; simulated time says so itself.
    simulated = any(h["simulated"] for h, _ in records) or any(s[4].get("simulated") for s in [s for s in said if s[3] == "site"][-1:])
    recomputed, found = 0, [m for m in plan["metrics"] if m.get("beside")]
    for metric in found:
        need(metric["verdict"] in (None, "INSUFFICIENT"), "a verdict without a base period")
        now = metric["beside"].get("declared")
        check_one(said, report, plan, body, metric, metric["beside"], not now, simulated, choice)
        if now: check_one(said, report, plan, body, metric, now, True, simulated, choice)
        recomputed += metric["definition"] in RATIOS
    return recomputed, len(found)
