//! Plan files with something wrong: the line, the key, both languages.

use super::*;
use crate::evaluate::tests::{TWO_DAYS, plan_text};

fn parse(text: &str) -> Result<PlanFile, Refusal> {
    PlanFile::parse(text, "plan.toml")
}

#[test]
fn statements_become_the_declarations_of_a_log() {
    let text = plan_text(&format!(
        "{TWO_DAYS}
[[planned_stop]]
machine = \"press\"
from_ms = 2026-03-02T10:00:00+08:00
to_ms = 2026-03-02T10:30+08:00
reason = \"保养\"
stated_at = 2026-03-02T09:00:00+08:00
[[quality_count]]
machine = \"press\"
date = 2026-03-02
shift = \"day\"
reject = 3
effective_from = 2026-03-03
"
    ));
    let plan = parse(&text).unwrap_or_else(|e| panic!("{e}"));
    let of = |kind: &str| plan.statements.iter().find(|s| s.declaration.kind == kind).unwrap();
    let stop = of("planned_stop");
    assert_eq!(stop.declaration.body["from_ms"], 1_772_416_800_000_i64);
    assert_eq!(stop.declaration.body["to_ms"], 1_772_418_600_000_i64);
    assert_eq!((stop.stated_ms, stop.declaration.effective_from), (1_772_413_200_000, 0));
    let line = text.lines().position(|l| l == "[[planned_stop]]").unwrap() + 1;
    assert_eq!(stop.declaration.reason, format!("plan.toml, line {line}"));
    let count = of("quality_count");
    assert_eq!(count.declaration.body["date"], "2026-03-02");
    assert_eq!(count.declaration.effective_from, 1_772_467_200_000, "midnight in Shanghai");
    assert_eq!(of("calendar").declaration.body["shifts"][0]["start"], "08:00");
    assert_eq!(of("machine").declaration.body["signals"]["good"]["gateway"], "gw-1", "the plan's one gateway");
    assert_eq!(
        plan.statements.last().unwrap().declaration.kind,
        "planned_stop",
        "in the order in which they were made"
    );
    assert_eq!(plan.periods[0].from, "2026-03-02");
    assert!(plan.table.tags().iter().all(|t| t.gateway.as_str() == "gw-1"));
    assert_eq!(plan.table.tags()[1].config.counter.unwrap().modulus, Some(1 << 32));
}

#[test]
fn a_stop_stated_after_it_began_is_not_planned() {
    let stop = |stated: &str| {
        let text = format!(
            "{TWO_DAYS}[[planned_stop]]\nmachine = \"press\"\nfrom_ms = 2026-03-02T10:00:00+08:00\nto_ms = 2026-03-02T11:00:00+08:00\nreason = \"x\"\n{stated}"
        );
        let plan = parse(&plan_text(&text)).unwrap_or_else(|e| panic!("{e}"));
        let none = crate::evaluate::csv::read(
            "r",
            "time,tag,value\n".as_bytes(),
            &plan.table,
            &plan.dialect,
            Default::default(),
        );
        let report = crate::evaluate::evaluate(&plan, &none.unwrap()).unwrap().report;
        let shift = report.shifts.iter().find(|s| s.machine == "press").unwrap().clone();
        (shift.buckets_ms["PDOT"], shift.flags.contains(&"RETRO_PLANNED_STOP"))
    };
    assert_eq!(stop(""), (110 * 60_000, false));
    assert_eq!(stop("stated_at = 2026-03-02T10:00:01+08:00\n"), (50 * 60_000, true));
}

/// Replaces a piece of the good file and adds to it; the refusal names the line of `at` and says both sentences.
#[track_caller]
fn refused(replace: (&str, &str), more: &str, at: &str, zh: &str, en: &str) {
    let good = plan_text(&format!("{TWO_DAYS}{more}"));
    assert!(good.contains(replace.0), "{replace:?}");
    let text = good.replacen(replace.0, replace.1, 1);
    let refusal = parse(&text).map(|_| ()).expect_err(&format!("{replace:?} {more}"));
    let line = text.lines().position(|l| l.contains(at)).unwrap_or_else(|| panic!("{at:?} in\n{text}")) + 1;
    assert_eq!(refusal.place, format!("plan.toml, line {line}"), "{refusal}");
    assert!(refusal.what.zh.contains(zh) && refusal.what.en.contains(en), "{refusal}");
    assert!(!refusal.todo.zh.is_empty() && !refusal.todo.en.is_empty());
}

#[test]
fn unknown_keys_are_refused_wherever_they_stand() {
    refused(("[readings]", "[readins]"), "", "[readins]", "未知项 readins", "unknown key `readins` in plan.toml");
    refused(("gateway =", "gatway ="), "", "gatway", "未知项 gatway", "unknown key `gatway` in [readings]");
    refused(("type = \"u64\"", "typ = \"u64\""), "", "typ =", "[[tag]] 中有未知项 typ", "unknown key `typ` in [[tag]]");
    refused(("den = 1000", "dem = 1000"), "", "dem =", "未知项 dem", "unknown key `dem` in scale");
    refused(("item_us", "item_ms"), "", "item_ms", "[[cycle_time]] 中有未知项 item_ms", "unknown field `item_ms`");
    refused(("critical", "kritical"), "", "kritical", "[[machine]] 中有未知项 kritical", "unknown field `kritical`");
    refused(("weekdays", "weekday"), "", "weekday =", "[[calendar]] 中有未知项 weekday", "unknown field `weekday`");
    refused(("site = \"demo\"", "sight = \"demo\""), "", "sight", "未知项 sight", "unknown key `sight` in [evaluate]");
    refused(("name = \"two days\"", "nam = \"two days\""), "", "nam =", "未知项 nam", "unknown key `nam`");
    let error = parse(&plan_text(TWO_DAYS).replace("gateway =", "gatway =")).unwrap_err();
    assert!(error.todo.en.contains("did you mean `gateway`?") && error.todo.zh.contains("是否想写 gateway"), "{error}");
}

#[test]
fn what_the_shared_checks_refuse_is_refused_at_its_line() {
    refused(("item_us = 6_000_000", "item_us = 0"), "", "item_us", "item_us 有误", "`item_us` in [[cycle_time]]");
    refused(
        ("zone = \"Asia/Shanghai\"", "zone = \"Asia/Nowhere\""),
        "",
        "Asia/Nowhere",
        "zone 有误",
        "`zone` in [[site]]",
    );
    refused(("end = 12:50", "end = 21:00"), "", "shifts =", "有误", "in [[calendar]]");
    refused(
        ("signals = { state = { tag = \"press/state\" }, ", "signals = { "),
        "",
        "signals = { good",
        "signals.state 有误",
        "`signals.state` in [[machine]]",
    );
    refused(
        ("item_us = 6_000_000", "item_us = 6.5"),
        "",
        "item_us",
        "item_us 的值不可用",
        "the value of `item_us` cannot be used",
    );
    refused(
        ("machine = \"press\"\nitem", "machine = 7\nitem"),
        "",
        "[[cycle_time]]",
        "内容有误",
        "[[cycle_time]] cannot be used",
    );
    let late = "[[meter_replaced]]\nmachine = \"press\"\nat_ms = 2026-03-02T10:00:00\nold_final_raw = 1\nnew_initial_raw = 0\n";
    refused(("version", "version"), late, "at_ms", "没有时区", "does not say its time zone");
    refused(
        ("version", "version"),
        &late.replace("press", "pres").replace("10:00:00", "10:00:00Z"),
        "\"pres\"",
        "没有填报 machine「pres」",
        "no machine `pres` is declared",
    );
    refused(
        ("version", "version"),
        &late.replace("at_ms = 2026-03-02T10:00:00", "at_ms = 10:00:30"),
        "at_ms",
        "at_ms 的值不可用",
        "the value of `at_ms` cannot be used",
    );
}

#[test]
fn names_that_are_used_are_declared() {
    refused(
        ("tag = \"press/good\"", "tag = \"press/god\""),
        "",
        "press/god",
        "没有数据点「press/god」",
        "the plan has no tag `press/god`",
    );
    refused(
        ("critical = true", "calendar = \"nights\""),
        "",
        "nights",
        "没有填报 calendar「nights」",
        "no calendar `nights` is declared",
    );
    refused(
        ("machine = \"press\"\nitem", "machine = \"pres\"\nitem"),
        "",
        "\"pres\"",
        "没有填报 machine",
        "no machine `pres` is declared",
    );
    let plan = "[[plan]]\nplan = \"p\"\nbaseline = { from = 2026-03-02, to = 2026-03-02 }\nreporting = { from = 2026-03-03, to = 2026-03-03 }\nmachines = [\"pross\"]\n";
    refused(("version", "version"), plan, "pross", "没有填报 machine「pross」", "no machine `pross` is declared");
    refused(
        ("site = \"demo\"", "machines = [\"pross\"]"),
        "",
        "pross",
        "没有填报 machine「pross」",
        "no machine `pross` is declared",
    );
    refused(("period = [", "plan = \"q\"\nnot = ["), "", "not =", "未知项 not", "unknown key `not`");
    refused(
        ("period = [{ name = \"two days\", from = 2026-03-02, to = 2026-03-03 }]", "plan = \"q\""),
        "",
        "plan = \"q\"",
        "没有填报 plan「q」",
        "no plan `q` is declared",
    );
    // A tag that is left out on purpose cannot be a machine's signal.
    refused(
        ("gateway = \"gw-1\"", "gateway = \"gw-1\"\nignore = [\"press/x\"]"),
        "[[machine]]\nmachine = \"m\"\nnames = { zh = \"\", en = \"\" }\nsignals = { good = { tag = \"press/x\" } }\n",
        "signals = { good = { tag = \"press/x\"",
        "没有数据点「press/x」",
        "the plan has no tag `press/x`",
    );
}

#[test]
fn tags_and_sections_are_checked_field_by_field() {
    refused(
        ("version = 1", "version = 2"),
        "",
        "version",
        "version 的值不可用",
        "the value of `version` cannot be used",
    );
    refused(("version = 1", ""), "", "", "缺少 version", "lacks `version`");
    refused(("version = 1", "version = "), "", "version =", "不是有效的 TOML", "not valid TOML");
    refused(("id = \"press/good\"", "id = \"press good\""), "", "press good", "id 的值不可用", "the value of `id`");
    refused(("id = \"press/good\"", "id = \"press/state\" # again"), "", "# again", "重复", "is there twice");
    refused(("type = \"u64\"", "type = \"u16\""), "", "u16", "type 的值不可用", "the value of `type`");
    refused(("den = 1000", "den = 0"), "", "den = 0", "den 的值不可用", "the value of `den`");
    refused(("num = 1, den = 1000", "num = 0, den = 1000"), "", "num = 0", "scale 的值不可用", "the value of `scale`");
    refused(
        ("interval_ms = 60_000", "interval_ms = 0"),
        "",
        "interval_ms = 0",
        "interval_ms 的值不可用",
        "the value of `interval_ms`",
    );
    refused(
        ("max_per_hour = 1_000_000", "max_per_hour = 0"),
        "",
        "max_per_hour = 0",
        "max_per_hour 的值不可用",
        "the value of `max_per_hour`",
    );
    refused(
        ("gateway = \"gw-1\"", "gateway = \"gw-1\"\nzone = \"Mars\""),
        "",
        "Mars",
        "zone 的值不可用",
        "the value of `zone`",
    );
    refused(
        ("gateway = \"gw-1\"", "gateway = \"gw-1\"\nseparator = \"|\""),
        "",
        "\"|\"",
        "separator 的值不可用",
        "the value of `separator`",
    );
    refused(
        ("gateway = \"gw-1\"", "gateway = \"gw-1\"\nvalues = \"cooked\""),
        "",
        "cooked",
        "values 的值不可用",
        "the value of `values`",
    );
    refused(
        ("to = 2026-03-03", "to = 2026-03-01"),
        "",
        "to = 2026-03-01",
        "from, to 的值不可用",
        "the value of `from, to`",
    );
    let twice = "to = 2026-03-03 },\n { name = \"two days\", from = 2026-03-05, to = 2026-03-05";
    refused(("to = 2026-03-03", twice), "", "2026-03-05", "name 的值不可用", "the value of `name`");
    refused(("site = \"demo\"", "site = \"Demo Works\""), "", "Demo Works", "site 的值不可用", "the value of `site`");
    for (text, en) in [
        ("version = 1\n", "lacks `tag`"),
        ("version = 1\n[[tag]]\nid = \"a/b\"\ntype = \"u64\"\ninterval_ms = 1\n", "lacks `site`"),
        (
            "version = 1\n[[tag]]\nid = \"a/b\"\ntype = \"u64\"\ninterval_ms = 1\n[site]\nzone = \"UTC\"\nnames = { zh = \"\", en = \"\" }\n",
            "lacks `machine`",
        ),
        ("version = 1\n[[tag]]\nid = \"a/b\"\ntype = \"u64\"\n", "lacks `interval_ms`"),
        ("version = 1\n[[tag]]\nid = \"a/b\"\n", "lacks `type`"),
        ("version = 1\n[[tag]]\n", "lacks `id`"),
        ("version = 1\ntag = 3\n", "the value of `tag`"),
        ("version = 1\nreadings = 3\n", "the value of `readings`"),
    ] {
        let refusal = parse(text).map(|_| ()).unwrap_err();
        assert!(refusal.what.en.contains(en), "{text}: {refusal}");
    }
    let long = "#".repeat(PLAN_BYTES_MAX + 1);
    assert!(parse(&long).map(|_| ()).unwrap_err().what.zh.contains("超过"));
}
