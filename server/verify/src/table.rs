//! The figures as a table for a terminal, in either language.
//!
//! A Chinese character takes the room of two letters; columns are padded by that.

use verify::{BesideFigure, Compared, Figure, Outcome, Withheld};

use crate::Lang;

/// Columns a text takes on a terminal.
fn width(text: &str) -> usize {
    let is_wide = |c: char| matches!(c, '\u{1100}'..='\u{115f}' | '\u{2e80}'..='\u{a4cf}' | '\u{ac00}'..='\u{d7a3}' | '\u{f900}'..='\u{faff}' | '\u{fe30}'..='\u{fe6f}' | '\u{ff00}'..='\u{ff60}' | '\u{ffe0}'..='\u{ffe6}');
    text.chars().map(|c| if is_wide(c) { 2 } else { 1 }).sum()
}

/// Lines of cells, padded to columns; numbers (all but the first) to the right.
fn columns(rows: &[Vec<String>]) -> Vec<String> {
    let count = rows.iter().map(Vec::len).max().unwrap_or_default();
    let widest: Vec<usize> = (0..count)
        .map(|i| rows.iter().filter_map(|row| row.get(i)).map(|cell| width(cell)).max().unwrap_or(0))
        .collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widest).enumerate().map(|(i, (cell, widest))| {
            let room = " ".repeat(widest.saturating_sub(width(cell)));
            if i == 0 { format!("{cell}{room}") } else { format!("{room}{cell}") }
        });
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}

/// A value with the digits that carry it: trailing zeros after the point go.
fn short(value: &str) -> &str {
    if value.contains('.') { value.trim_end_matches('0').trim_end_matches('.') } else { value }
}

fn or_dash(value: Option<&String>) -> String {
    value.map_or_else(|| "—".to_owned(), |v| short(v).to_owned())
}

fn bounds(lower: Option<&String>, upper: Option<&String>) -> String {
    match (lower, upper) {
        (Some(lower), Some(upper)) if lower == upper => "=".to_owned(),
        (None, None) => "—".to_owned(),
        (lower, upper) => {
            format!("{} … {}", lower.map_or("−∞", |v| short(v)), upper.map_or("∞", |v| short(v)))
        }
    }
}

fn unit(unit: &str) -> String {
    if unit == "1" { String::new() } else { unit.to_owned() }
}

fn period_row(figure: &Figure, lang: Lang) -> Vec<String> {
    vec![
        lang.pick(&figure.what.zh, &figure.what.en).to_owned(),
        match &figure.undefined_words {
            Some(why) => format!("— {}", lang.pick(&why.zh, &why.en)),
            None => or_dash(figure.value.as_ref()),
        },
        unit(&figure.unit),
        bounds(figure.lower.as_ref(), figure.upper.as_ref()),
        figure.grade.clone().unwrap_or_else(|| "—".to_owned()),
    ]
}

fn comparison_row(compared: &Compared, lang: Lang) -> Vec<String> {
    let relative = compared.relative.as_ref().map_or_else(|| "—".to_owned(), |share| short(share).to_owned());
    let mut words = lang.pick(&compared.words.zh, &compared.words.en).to_owned();
    if !compared.caution_words.is_empty() {
        let cautions: Vec<&str> = compared.caution_words.iter().map(|w| lang.pick(&w.zh, &w.en)).collect();
        words = format!("{words} [{}]", cautions.join(lang.pick("；", "; ")));
    }
    vec![
        lang.pick(&compared.what.zh, &compared.what.en).to_owned(),
        or_dash(compared.before.as_ref()),
        or_dash(compared.after.as_ref()),
        unit(&compared.unit),
        relative,
        bounds(compared.lower.as_ref(), compared.upper.as_ref()),
        words,
    ]
}

fn beside_row(beside: &BesideFigure, lang: Lang) -> Vec<String> {
    let [comparison, own] = beside.grades.each_ref().map(|grade| grade.clone().unwrap_or_else(|| "—".to_owned()));
    vec![
        lang.pick(&beside.what.zh, &beside.what.en).to_owned(),
        or_dash(beside.comparison.as_ref()),
        or_dash(beside.retrofitted.as_ref()),
        unit(&beside.unit),
        or_dash(beside.difference.as_ref()),
        bounds(beside.lower.as_ref(), beside.upper.as_ref()),
        format!("{comparison} / {own}"),
        lang.pick(&beside.words.zh, &beside.words.en).to_owned(),
    ]
}

fn heading(words: &[(&str, &str)], lang: Lang) -> Vec<String> {
    words.iter().map(|(zh, en)| lang.pick(zh, en).to_owned()).collect()
}

fn named(zh: &str, en: &str, id: &str, lang: Lang) -> String {
    match lang.pick(zh, en) {
        "" => id.to_owned(),
        name if id == "*" || name == id => name.to_owned(),
        name => format!("{name} ({id})"),
    }
}

/// Every line of the tables; nothing when nothing was computed.
pub(crate) fn lines(outcome: &Outcome, lang: Lang) -> Vec<String> {
    let mut out = Vec::new();
    if let Some(figures) = &outcome.figures {
        let main: Vec<&Figure> = figures.periods.iter().filter(|f| f.main).collect();
        let mut all = Vec::new();
        let mut titles = Vec::new();
        for part in main.chunk_by(|a, b| (&a.period, &a.machine) == (&b.period, &b.machine)) {
            let Some(first) = part.first() else { continue };
            let machine = named(&first.names.zh, &first.names.en, &first.machine, lang);
            let period = lang.pick(&first.period_words.zh, &first.period_words.en);
            titles.push((all.len(), format!("{machine} · {period} {}—{}", first.from, first.to)));
            all.extend(part.iter().map(|figure| period_row(figure, lang)));
        }
        let head = [("指标", "metric"), ("数值", "value"), ("单位", "unit"), ("上下界", "bounds"), ("等级", "grade")];
        let mut rows = vec![heading(&head, lang)];
        rows.extend(all);
        table(
            lang.pick("由签名数据重新计算的主要数值", "Main figures, computed again from the signed contents"),
            &titles,
            &rows,
            &mut out,
        );
        let (mut all, mut titles) = (Vec::new(), Vec::new());
        for part in figures.comparisons.chunk_by(|a, b| a.machine == b.machine) {
            let Some(first) = part.first() else { continue };
            titles.push((all.len(), named(&first.names.zh, &first.names.en, &first.machine, lang)));
            all.extend(part.iter().map(|compared| comparison_row(compared, lang)));
        }
        if !all.is_empty() {
            let head = [
                ("指标", "metric"),
                ("基期", "before"),
                ("报告期", "after"),
                ("单位", "unit"),
                ("相对变化", "relative"),
                ("差值 95% 区间", "95 % interval of the difference"),
                ("结论", "statement"),
            ];
            let mut rows = vec![heading(&head, lang)];
            rows.extend(all);
            table(lang.pick("改造前后对比", "Before and after"), &titles, &rows, &mut out);
        }
        let (mut all, mut titles) = (Vec::new(), Vec::new());
        for part in figures.beside.chunk_by(|a, b| a.machine == b.machine) {
            let Some(first) = part.first() else { continue };
            titles.push((all.len(), named(&first.names.zh, &first.names.en, &first.machine, lang)));
            all.extend(part.iter().map(|beside| beside_row(beside, lang)));
        }
        if !all.is_empty() {
            let head = [
                ("指标", "metric"),
                ("对照机器", "comparison"),
                ("改造机器", "retrofitted"),
                ("单位", "unit"),
                ("差值", "difference"),
                ("差值 95% 区间", "95 % interval of the difference"),
                ("等级 对照 / 改造", "grades"),
                ("结论", "statement"),
            ];
            let mut rows = vec![heading(&head, lang)];
            rows.extend(all);
            let title = lang.pick("机器之间（非前后对比）", "Machines beside machines (not before and after)");
            table(title, &titles, &rows, &mut out);
        }
    } else {
        out.push(
            lang.pick("没有重新计算任何数值：见上面的原因。", "No number was computed again: see the reasons above.")
                .to_owned(),
        );
    }
    for withheld in outcome.withheld.iter().filter(|w| w.needed_records > 0) {
        let (gateway, records, readings) = (&withheld.gateway, withheld.needed_records, withheld.needed_readings);
        let (zh, en) = (
            format!("不可核验：网关 {gateway} 的 {records} 条记录（签名头所记读数 {readings} 条）的内容未随包提供"),
            format!(
                "not verifiable: the contents of {records} records of gateway {gateway} ({readings} readings by their signed headers) are not in the bundle"
            ),
        );
        out.push(lang.pick(&zh, &en).to_owned());
    }
    let (zh, en) = outside(&outcome.withheld);
    out.extend(Some(lang.pick(&zh, &en)).filter(|line| !line.is_empty()).map(str::to_owned));
    out
}

/// What is not there and need not be, in one line; empty when there is nothing.
fn outside(withheld: &[Withheld]) -> (String, String) {
    match withheld.iter().map(|w| w.records - w.needed_records).sum::<u64>() {
        0 => (String::new(), String::new()),
        records => (
            format!("报告期间以外另有 {records} 条记录未随包提供内容，报告数值不以其为据"),
            format!(
                "{records} records outside the report's periods came without contents; nothing in the report rests on them"
            ),
        ),
    }
}

/// A title, the heading row, and the other rows below a line for each part.
fn table(title: &str, parts: &[(usize, String)], rows: &[Vec<String>], out: &mut Vec<String>) {
    out.push(String::new());
    out.push(title.to_owned());
    let lines = columns(rows);
    let Some((head, lines)) = lines.split_first() else { return };
    out.push(format!("  {head}"));
    for (i, line) in lines.iter().enumerate() {
        if let Some((_, name)) = parts.iter().find(|(at, _)| *at == i) {
            out.push(format!(" {name}"));
        }
        out.push(format!("  {line}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stand_below_each_other_in_both_scripts() {
        let rows = [["指标", "数值"], ["OEE", "0.5"]].map(|row| row.map(str::to_owned).to_vec());
        assert_eq!(columns(&rows), ["指标  数值", "OEE    0.5"]);
        assert_eq!((short("0.500000"), short("1200"), short("3.000000")), ("0.5", "1200", "3"));
        assert_eq!(bounds(Some(&"1.000000".into()), None), "1 … ∞");
    }
}
