//! `metrics evaluate --all` on a terminal: every further figure, energy saved, matters to verify.

use metrics::figures::{Figure, Figures};
use metrics::oee::Undefined;
use metrics::quality::Reason;
use metrics::report::ALL_MACHINES;
use metrics::savings::Outcome;
use server::evaluate::further::{Further, PeriodFigures};

use super::lines::{Reader, amount};
use super::table::columns;

/// Everything, one part after the other.
pub(super) fn print(further: &Further, reader: Reader) -> String {
    let mut out = String::new();
    for part in &further.figures {
        figures(&mut out, part, reader);
    }
    for saved in &further.savings {
        out.push_str(&format!(
            "\n{} · {} ({} {})\n",
            reader.say("节能量", "Energy saved"),
            saved.machine,
            reader.say("IPMVP 方案", "IPMVP option"),
            saved.option
        ));
        match &saved.savings.with {
            Outcome::Evaluated(e) => out.push_str(&format!("  {}\n", reader.say(&e.verdict_zh, &e.verdict_en))),
            Outcome::Declined(d) => {
                let (zh, en) = d.refusal.words();
                out.push_str(&format!("  {}\n", reader.say(&zh, &en)));
            }
        }
    }
    for examined in &further.examinations {
        out.push_str(&format!(
            "\n{}: {} · {}: {} · {}: {}\n",
            reader.say("待核实事项", "Matters to verify"),
            examined.findings.len(),
            reader.say("已作检查", "checks made"),
            examined.checked.len(),
            reader.say("无法检查", "not possible"),
            examined.unchecked.len()
        ));
        for finding in &examined.findings {
            out.push_str(&format!("  · {} ({})\n", reader.say(&finding.says.zh, &finding.says.en), finding.detector));
            out.push_str(&format!("    {}\n", reader.say(&finding.on_site.zh, &finding.on_site.en)));
        }
    }
    out
}

fn figures(out: &mut String, part: &PeriodFigures, reader: Reader) {
    let Figures { machine, dates: [from, to], figures, .. } = &part.figures;
    let machine = if machine == ALL_MACHINES { reader.say("全厂", "whole site") } else { machine.clone() };
    let title = reader.say("全部指标", "All figures");
    out.push_str(&format!("\n{title} · {machine} · {} {from} – {to}\n", part.period));
    let rows: Vec<Vec<String>> = figures.iter().map(|f| row(f, reader)).collect();
    out.push_str(&columns(&rows, "  "));
}

fn row(f: &Figure, reader: Reader) -> Vec<String> {
    let name = reader.name(f.definition);
    let name = if f.part.is_empty() { name } else { format!("{name} · {}", f.part) };
    let Some(value) = &f.value else {
        let why = f.undefined.unwrap_or_default();
        let words = Undefined::from_code(why).map(Undefined::words).or(Reason::from_code(why).map(Reason::words));
        let words = words.map_or(why.to_owned(), |(zh, en)| reader.say(zh, en));
        return vec![name, "—".to_owned(), words, String::new(), f.definition.to_owned()];
    };
    let bounds = match (&f.lower, &f.upper) {
        (Some(low), Some(high)) => format!("[{}, {}]", amount(low, &f.unit), amount(high, &f.unit)),
        (Some(low), None) => format!("[{}, {}]", amount(low, &f.unit), reader.say("无上界", "no bound")),
        _ => String::new(),
    };
    let terms = f.terms.iter().map(|t| format!("{} = {} {}", t.symbol, t.value, t.unit).trim_end().to_owned());
    let parameters = f.parameters.iter().map(|(name, value)| format!("{name} = {value}"));
    let why = terms.chain(parameters).collect::<Vec<_>>().join(", ");
    vec![name, amount(value, &f.unit), bounds, why, f.definition.to_owned()]
}
