//! The report for a terminal: per period and machine every value with bounds, coverage, grade and definition; then before against
//! after. The digits are the report's own, moved but never rounded again.

use std::collections::BTreeSet;

use metrics::catalogue;
use metrics::compare::Verdict;
use metrics::decimal::div_half_up;
use metrics::grade::Flag;
use metrics::oee::Undefined;
use metrics::report::{ALL_MACHINES, Caution, Comparison, Line, Section, Side};
use server::evaluate::Evaluation;

use super::table::columns;

/// The reader's language.
#[derive(Clone, Copy)]
pub(super) struct Reader {
    pub(super) chinese: bool,
}

impl Reader {
    pub(super) fn say(self, zh: &str, en: &str) -> String {
        if self.chinese { zh.to_owned() } else { en.to_owned() }
    }

    fn of(self, words: (&'static str, &'static str)) -> &'static str {
        if self.chinese { words.0 } else { words.1 }
    }

    /// The name of a definition; an amount per day has the name of the amount.
    pub(super) fn name(self, id: &str) -> String {
        let name = |id: &str| catalogue::explain(id).map(|e| self.of((e.names[0], e.names[1])).to_owned());
        let per_day =
            |id: &str| Some(format!("{}{}", name(amount_per_day(id)?)?, self.say("／生产日", " per production day")));
        name(id).or_else(|| per_day(id)).unwrap_or_else(|| id.to_owned())
    }
}

/// The amount that is compared per production day.
fn amount_per_day(id: &str) -> Option<&'static str> {
    match id {
        "energy.per_production_day@1" => Some("energy.active@1"),
        "good.per_production_day@1" => Some("count.good@1"),
        _ => None,
    }
}

/// The whole result.
pub(super) fn report(evaluation: &Evaluation, reader: Reader) -> String {
    let report = &evaluation.report;
    let names = reader.say(&report.names.zh, &report.names.en);
    let mut out = format!("{names}（{}） · {}\n", report.site, report.zone);
    if !reader.chinese {
        out = format!("{names} ({}) · {}\n", report.site, report.zone);
    }
    out.push_str(&reader.say(&report.notice.zh, &report.notice.en));
    out.push('\n');
    for section in &report.periods {
        if !section.lines.is_empty() {
            section_part(&mut out, evaluation, section, reader);
        }
    }
    if !report.comparisons.is_empty() {
        comparisons(&mut out, evaluation, reader);
    }
    out.push('\n');
    out
}

fn machine(evaluation: &Evaluation, id: &str, reader: Reader) -> String {
    if id == ALL_MACHINES {
        return reader.say("全部生产设备", "all production machines");
    }
    let found = evaluation.report.machines.iter().find(|m| m.machine == id);
    let name = found.map(|m| reader.say(&m.names.zh, &m.names.en)).unwrap_or_default();
    format!("{name} {id}").trim_start().to_owned()
}

fn section_part(out: &mut String, evaluation: &Evaluation, section: &Section, reader: Reader) {
    let period = evaluation.report.request.periods.iter().find(|p| p.name == section.period);
    let dates = period.map_or_else(String::new, |p| format!(" {} – {}", p.from, p.to));
    let name = match section.period.as_str() {
        "baseline" => reader.say("基期", "baseline"),
        "reporting" => reader.say("报告期", "reporting period"),
        other => other.to_owned(),
    };
    let shifts = section.shifts;
    let shifts = reader.say(&format!("{shifts} 个班次"), &format!("shifts: {shifts}"));
    out.push_str(&format!("\n{} · {name}{dates} · {shifts}\n", machine(evaluation, &section.machine, reader)));
    let rows: Vec<Vec<String>> = section.lines.iter().map(|l| line_row(l, reader)).collect();
    out.push_str(&columns(&rows, "  "));
    under_lines(out, section, reader);
}

/// What is said of a section below its lines: why it stands where it stands.
fn under_lines(out: &mut String, section: &Section, reader: Reader) {
    if let Some(standing) = section.standing {
        let words = match standing {
            "full" => reader.say("有效班次不少于 90%", "at least 90 % of the shifts are valid"),
            "qualified" => reader.say("有效班次在 75% 至 90% 之间", "75 % to 90 % of the shifts are valid"),
            _ => reader.say("有效班次不足 75%", "fewer than 75 % of the shifts are valid"),
        };
        out.push_str(&format!("  · {words}\n"));
    }
    if !section.excluded.is_empty() {
        let list = section.excluded.join(&reader.say("、", ", "));
        out.push_str(&format!("  · {}{list}\n", reader.say("覆盖率不足未计入：", "left out for want of coverage: ")));
    }
    for code in &section.flags {
        let words = Flag::from_code(code).map_or(*code, |f| reader.of(f.words()));
        out.push_str(&format!("  · {words} ({code})\n"));
    }
}

fn line_row(line: &Line, reader: Reader) -> Vec<String> {
    let name = reader.name(line.definition);
    let Some(value) = &line.value else {
        let why = line.undefined.unwrap_or_default();
        let words = Undefined::from_code(why).map_or(why, |u| reader.of(u.words()));
        return [&name, "—", words, "", "", line.definition].map(str::to_owned).to_vec();
    };
    let show = |digits: &str| amount(digits, line.unit);
    let bounds = match (&line.lower, &line.upper) {
        (Some(low), Some(high)) => format!("[{}, {}]", show(low), show(high)),
        (Some(low), None) => format!("[{}, {}]", show(low), reader.say("无上界", "no bound")),
        _ => String::new(),
    };
    let [observed, of] = line.coverage;
    let coverage = match of {
        0 => String::new(),
        _ => format!("{} {}", reader.say("覆盖率", "coverage"), share(observed, of)),
    };
    let grade = line.grade.map_or_else(String::new, |g| reader.say(&format!("{g}级"), &format!("grade {g}")));
    vec![name, show(value), bounds, coverage, grade, line.definition.to_owned()]
}

/// Six decimals as they are printed in the report: a ratio in percent, an amount with its unit.
pub(super) fn amount(digits: &str, unit: &str) -> String {
    if unit == "1" {
        return format!("{} %", percent(digits));
    }
    let short = if digits.contains('.') { digits.trim_end_matches('0').trim_end_matches('.') } else { digits };
    // An index has no unit.
    format!("{short} {unit}").trim_end().to_owned()
}

/// A quotient of six decimals times a hundred, exactly.
fn percent(digits: &str) -> String {
    let (sign, digits) = digits.strip_prefix('-').map_or(("", digits), |rest| ("-", rest));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let (moved, rest) = fraction.split_at_checked(2).unwrap_or((fraction, ""));
    let whole = format!("{whole}{moved:0<2}");
    let whole = whole.trim_start_matches('0');
    let whole = if whole.is_empty() { "0" } else { whole };
    if rest.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{rest}") }
}

/// Observed time of all, in percent with two decimals.
fn share(observed: i64, of: i64) -> String {
    let hundredths = div_half_up(i128::from(observed) * 10_000, i128::from(of)).unwrap_or_default();
    format!("{}.{:02} %", hundredths / 100, hundredths % 100)
}

fn comparisons(out: &mut String, evaluation: &Evaluation, reader: Reader) {
    let report = &evaluation.report;
    let plan = report.request.plan.as_deref().unwrap_or_default();
    out.push_str(&format!("\n{} · {plan}\n", reader.say("改造前后比较", "Before and after")));
    let rows: Vec<Vec<String>> = report.comparisons.iter().map(|c| comparison_row(evaluation, c, reader)).collect();
    out.push_str(&columns(&rows, "  "));
    let cautions: BTreeSet<&str> = report.comparisons.iter().flat_map(|c| c.cautions.iter().copied()).collect();
    for code in cautions {
        out.push_str(&format!("  · {} ({code})\n", reader.of(caution_words(code))));
    }
    if let Some(m) = &report.method {
        out.push_str(&reader.say(
            &format!(
                "  · 区间：{}，种子 {}，重复 {} 次，块长 {} 个生产日\n",
                m.interval, m.seed, m.replicates, m.block_days
            ),
            &format!(
                "  · interval: {}, seed {}, {} replicates, blocks of {} production days\n",
                m.interval, m.seed, m.replicates, m.block_days
            ),
        ));
    }
}

fn comparison_row(evaluation: &Evaluation, c: &Comparison, reader: Reader) -> Vec<String> {
    let amounts = amount_per_day(c.definition).unwrap_or(c.definition);
    let unit = catalogue::get(amounts).map_or("", |d| d.unit);
    let show = |digits: &str| amount(digits, unit).trim_end().to_owned();
    let side = |s: &Side| s.value.as_deref().map_or_else(|| "—".to_owned(), show);
    let points = |digits: &str| match unit {
        "1" => format!("{}{}", percent(digits), reader.say(" 个百分点", " points")),
        _ => show(digits),
    };
    let difference = c.difference.as_deref().map_or_else(String::new, |d| {
        let sign = if d.starts_with('-') { "" } else { "+" };
        format!("{sign}{}", points(d))
    });
    let bounds = match (&c.lower, &c.upper) {
        (Some(low), Some(high)) => format!("[{}, {}]", points(low), points(high)),
        _ => String::new(),
    };
    let verdicts = [Verdict::Up, Verdict::Down, Verdict::NotSignificant, Verdict::Insufficient];
    let verdict = verdicts.into_iter().find(|v| v.code() == c.verdict);
    let words = verdict.map_or(c.verdict, |v| reader.of(v.words(c.definition))).to_owned();
    let sides = format!("{} → {}", side(&c.before), side(&c.after));
    let machine = machine(evaluation, &c.machine, reader);
    vec![reader.name(c.definition), machine, sides, difference, bounds, words, c.definition.to_owned()]
}

fn caution_words(code: &'static str) -> (&'static str, &'static str) {
    Caution::from_code(code).map_or((code, code), Caution::words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_moved_never_rounded() {
        for (digits, want) in [
            ("0.724183", "72.4183"),
            ("-0.000049", "-0.0049"),
            ("1.000000", "100.0000"),
            ("0.000000", "0.0000"),
            ("12.345678", "1234.5678"),
        ] {
            assert_eq!(percent(digits), want);
        }
        assert_eq!(amount("1250.500000", "kWh"), "1250.5 kWh");
        assert_eq!(amount("0.000000", "pcs"), "0 pcs");
        assert_eq!(amount("100", "pcs"), "100 pcs");
        assert_eq!(share(1, 3), "33.33 %");
    }
}
