//! `metrics thresholds`: power bands proposed from recorded power, and why. Nothing uses them until a person declares them.

use std::collections::BTreeSet;
use std::process::ExitCode;

use anyhow::{Result, bail};
use metrics::decimal::{div_half_up, float_scaled};
use metrics::thresholds::{Bin, Sentence, Suggestion, suggest};
use protocol::content::{Ratio, TagConfig};
use protocol::{Value, ValueType};
use serde_json::{Value as Json, json};
use server::evaluate::csv::{Dialect, zone};
use server::evaluate::rows::Limits;
use server::evaluate::tags::{Others, Tag, TagTable};
use server::evaluate::{Input, read_plan, read_readings};

use super::super::{chinese, say};
use super::{BAD_ROWS, Thresholds, refused};

/// Most columns of a bar of the histogram.
const BAR_MAX: u64 = 40;

pub(super) fn run(arguments: &Thresholds) -> Result<ExitCode> {
    let (table, dialect) = described(arguments)?;
    let wanted = table.tags().iter().position(|t| t.config.id.as_str() == arguments.tag);
    let Some((index, tag)) = wanted.and_then(|i| Some((i, table.tags().get(i)?))) else {
        bail!(say(&format!("方案中没有数据点 {}", arguments.tag), &format!("the plan has no tag {}", arguments.tag)));
    };
    let per_unit: i128 = match tag.config.unit.as_str() {
        "W" => 1,
        "kW" => 1000,
        other => bail!(say(
            &format!("数据点 {} 的单位是「{other}」，须为 W 或 kW", arguments.tag),
            &format!("the unit of {} is `{other}`; it must be W or kW", arguments.tag)
        )),
    };
    let (readings, input) =
        read_readings(&arguments.readings, &table, &dialect, Limits::default()).map_err(|r| refused(&r))?;
    if let Some(bad) = readings.bad.rows.first() {
        let (count, row) = (readings.bad.count, bad.row);
        eprintln!(
            "error: {}",
            say(
                &format!("有 {count} 行不能使用，第一处在第 {row} 行：{}", bad.what.zh),
                &format!("{count} rows cannot be used; the first is row {row}: {}", bad.what.en)
            )
        );
        return Ok(ExitCode::from(BAD_ROWS));
    }
    let (num, den) = (i128::from(tag.config.scale.num), i128::from(tag.config.scale.den));
    let watts = |value: Value| {
        // The histogram is in whole watts.
        let watts = match value {
            Value::I64(v) => div_half_up(i128::from(v).checked_mul(num)?.checked_mul(per_unit)?, den)?,
            Value::U64(v) => div_half_up(i128::from(v).checked_mul(num)?.checked_mul(per_unit)?, den)?,
            Value::F32(v) => float_scaled(f64::from(v), num.checked_mul(per_unit)?, den)?,
            Value::F64(v) => float_scaled(v, num.checked_mul(per_unit)?, den)?,
            Value::Bool(_) | Value::Text(_) => return None,
        };
        i64::try_from(watts).ok()
    };
    let recorded: Vec<(i64, i64)> =
        readings.raw_of(index, &table).into_iter().filter_map(|(ms, v)| Some((ms, watts(v)?))).collect();
    let count = recorded.len();
    match suggest(&recorded, tag.config.interval_ms) {
        Ok(suggestion) => {
            if arguments.json {
                super::print_json(&as_json(
                    &input,
                    &arguments.tag,
                    count,
                    Some(&suggestion),
                    &suggestion.histogram,
                    None,
                ))?;
            } else {
                super::print_bytes(words(&suggestion).trim_end().as_bytes())?;
            }
            Ok(ExitCode::SUCCESS)
        }
        Err(none) => {
            if arguments.json {
                super::print_json(&as_json(&input, &arguments.tag, count, None, &none.histogram, Some(&none.reason)))?;
            } else {
                super::print_bytes(histogram(&none.histogram).trim_end().as_bytes())?;
            }
            eprintln!("error: {}", say(&none.reason.0, &none.reason.1));
            Ok(ExitCode::FAILURE)
        }
    }
}

/// What the file's values are: from the plan, or as stated on the command line.
fn described(arguments: &Thresholds) -> Result<(TagTable, Dialect)> {
    if let Some(path) = &arguments.plan {
        let (plan, _) = read_plan(path).map_err(|r| refused(&r))?;
        return Ok((plan.table, plan.dialect));
    }
    let (Some(unit), Some(interval_ms)) = (&arguments.unit, arguments.interval_ms) else {
        bail!(say(
            "须说明数据点：给出 --plan，或 --unit 和 --interval-ms",
            "the tag must be described: give --plan, or --unit and --interval-ms"
        ));
    };
    let Ok(id) = arguments.tag.parse() else {
        bail!(say(
            &format!("「{}」不是数据点：写成 设备/名称", arguments.tag),
            &format!("`{}` is not a tag: write device/name", arguments.tag)
        ));
    };
    let dialect = Dialect {
        zone: match &arguments.zone {
            None => None,
            Some(name) => match zone(name) {
                Some(zone) => Some(zone),
                None => bail!(say(
                    &format!("没有时区 {name}；写成 Asia/Shanghai"),
                    &format!("there is no zone {name}; write e.g. Asia/Shanghai")
                )),
            },
        },
        separator: None,
    };
    let config = TagConfig {
        id,
        value_type: ValueType::F64,
        unit: unit.clone(),
        scale: Ratio::ONE,
        role: String::new(),
        interval_ms,
        address: String::new(),
        counter: None,
    };
    let tags = vec![Tag { gateway: "file".parse()?, config }];
    Ok((TagTable::new(tags, BTreeSet::new(), Others::Ignore, true), dialect))
}

fn words(s: &Suggestion) -> String {
    let one = |(zh, en): &Sentence| say(zh, en);
    let rule = &s.rule;
    let mut out = format!(
        "{}\n  state_rule = {{ power = {{ off_below_w = {}, run_from_w = {}, hysteresis_w = {}, dwell_ms = {} }} }}\n",
        say(
            "建议的功率门限（经人核对并填报后才生效）",
            "Suggested power bands (nothing uses them until a person declares them)"
        ),
        rule.off_below_w,
        rule.run_from_w,
        rule.hysteresis_w,
        rule.dwell_ms
    );
    out.push_str(&format!("{}\n", say("理由", "Why")));
    s.reasons.iter().for_each(|r| out.push_str(&format!("  · {}\n", one(r))));
    out.push_str(&format!("{}\n", say("先核对", "Check first")));
    s.cautions.iter().for_each(|c| out.push_str(&format!("  · {}\n", one(c))));
    out.push_str(&histogram(&s.histogram));
    out
}

/// Bars of the bins from the first with readings to the last.
fn histogram(bins: &[Bin]) -> String {
    let most = bins.iter().map(|b| b.count).max().unwrap_or(0).max(1);
    let rows: Vec<Vec<String>> = bins
        .iter()
        .filter(|b| b.count > 0)
        .map(|b| {
            let bar = (b.count * BAR_MAX).div_ceil(most);
            vec![
                format!("{} – {} W", b.from_w, b.to_w),
                b.count.to_string(),
                "█".repeat(usize::try_from(bar).unwrap_or(0)),
            ]
        })
        .collect();
    let head = if chinese() {
        "功率分布（无读数的区间略去）"
    } else {
        "Distribution of power (bins without readings left out)"
    };
    format!("{head}\n{}", super::table::columns(&rows, "  "))
}

fn as_json(
    input: &Input,
    tag: &str,
    readings: usize,
    suggestion: Option<&Suggestion>,
    bins: &[Bin],
    refused: Option<&Sentence>,
) -> Json {
    let one = |(zh, en): &Sentence| json!({"zh": zh, "en": en});
    let bin = |b: &Bin| json!({"from_w": b.from_w, "to_w": b.to_w, "count": b.count});
    json!({
        "format": "gongzheng-threshold-suggestion",
        "version": 1,
        "readings": {"file": input.file, "bytes": input.bytes, "sha256": input.sha256, "tag": tag, "used": readings},
        "rule": suggestion.map(|s| json!({
            "off_below_w": s.rule.off_below_w, "run_from_w": s.rule.run_from_w,
            "hysteresis_w": s.rule.hysteresis_w, "dwell_ms": s.rule.dwell_ms,
        })),
        "modes": suggestion.map(|s| s.modes.iter().map(|m| json!({
            "state": m.state.name(), "median_w": m.median_w, "from_w": m.range_w.0, "to_w": m.range_w.1, "count": m.count,
        })).collect::<Vec<_>>()),
        "reasons": suggestion.map(|s| s.reasons.iter().map(one).collect::<Vec<_>>()),
        "cautions": suggestion.map(|s| s.cautions.iter().map(one).collect::<Vec<_>>()),
        "refused": refused.map(one),
        "histogram": bins.iter().map(bin).collect::<Vec<_>>(),
    })
}
