//! Step 5b: what the server stated in the log of on-site checks and deviations — draws, results, figures of targets — is what the leaves and contents
//! before it give.
//!
//! Constraints
//! 1. A draw rests on leaves alone, and is always computed again. The others rest on readings: where a bundle does not hold all that one depends on, it is
//!    said to be the server's word, never refused for it.
//! 2. Each is computed over the prefix of the log that it names, none of which may come after it.
//! 3. The log is walked twice at most, and not at all where nothing of the kind is stated: first for what each figure depends on, then with the
//!    contents of that.

use std::collections::BTreeSet;

use metrics::History;
use metrics::deviation::{self, Measured, Step};
use metrics::interval::Interval;
use metrics::onsite::{self, Act, Found};
use metrics::statements::Statements;
use protocol::{Kind, LeafBody};
use serde::Serialize;

use crate::recompute::{differ, statements};
use crate::{Finding, archive::Bundle, contents::Declared};

/// Leaves that are named one by one.
const NAMED_MAX: usize = 20;
/// A result of an on-site check.
const ONSITE: &str = "onsite";
/// A figure of a deviation.
const DEVIATION: &str = "deviation";

/// A figure that the server stated.
struct Figure<'s> {
    leaf: u64,
    /// Leaves it was computed over.
    size: u64,
    what: What<'s>,
}

#[derive(Clone, Copy)]
enum What<'s> {
    /// What the log showed of an act.
    Found { check: &'s str, of: u64, found: &'s Found },
    /// A target, measured. The last is when that was stated.
    Measured { filing: &'s str, target: Option<&'s str>, measured: &'s Measured, stated_ms: i64 },
}

pub(crate) fn check(bundle: &Bundle<'_>, declared: &Declared, findings: &mut Vec<Finding>) {
    let statements = statements(declared, bundle.leaves.size);
    let figures = figures(&statements, declared);
    if figures.is_empty() {
        return;
    }
    let judged = match (Judge { bundle, statements: &statements, figures: &figures }).all() {
        Ok(judged) => judged,
        Err(why) => {
            let (zh, en) = (format!("读取中断（{why}）"), format!("it could not be read to its end ({why})"));
            return findings.push(Finding::refused("archive", "", zh, en));
        }
    };
    for code in [ONSITE, DEVIATION] {
        let of = || figures.iter().zip(&judged).filter(|(figure, _)| figure.code() == code);
        for (figure, judged) in of() {
            if let Judged::Wrong((zh, en)) = judged {
                findings.push(Finding::refused(code, figure.place(), zh, en));
            }
        }
        let again = of().filter(|(_, judged)| matches!(judged, Judged::Same)).count();
        if again > 0 {
            let zh = format!("{} {again} 项已由包内的日志与读数重新计算，与所记一致", words(code).0);
            let en =
                format!("{again} {} computed again from the log and readings in the bundle: as stated", words(code).1);
            findings.push(Finding::ok(code, zh, en));
        }
        let open: Vec<String> =
            of().filter(|(_, judged)| matches!(judged, Judged::NotHeld)).map(|(f, _)| f.leaf.to_string()).collect();
        if !open.is_empty() {
            let named: Vec<&str> = open.iter().take(NAMED_MAX).map(String::as_str).collect();
            let more = if open.len() > NAMED_MAX { ("等", " and more") } else { ("", "") };
            let (leaves, n) = (named.join(" "), open.len());
            let zh = format!(
                "{} {n} 项未能重新计算：包内没有其所依据时段的全部读数，数值为服务器的陈述（日志条目 {leaves}{}）",
                words(code).0,
                more.0
            );
            let en = format!(
                "{n} {} not computed again: the bundle does not hold all readings of the time they rest on, so they are what the server stated (leaves {leaves}{})",
                words(code).1,
                more.1
            );
            findings.push(Finding::note(code, "contents", zh, en));
        }
    }
}

fn words(code: &str) -> (&'static str, &'static str) {
    match code {
        ONSITE => ("现场核查的抽取与结果", "draws and results of on-site checks"),
        _ => ("目标偏离的测算值", "figures of deviations"),
    }
}

/// What came of a figure.
enum Judged {
    Same,
    NotHeld,
    /// Why, in both languages.
    Wrong((String, String)),
}

/// Every figure the server stated, by how much of the log it rests on.
fn figures<'s>(statements: &'s Statements, declared: &Declared) -> Vec<Figure<'s>> {
    let mut out = Vec::new();
    for (check, entries) in statements.onsite_checks() {
        for entry in entries {
            let Act::Result(said) = &entry.act else { continue };
            let Some((size, found)) = said.size.zip(said.found.as_ref()) else { continue };
            out.push(Figure { leaf: entry.leaf, size, what: What::Found { check, of: said.of, found } });
        }
    }
    for (filing, steps) in statements.deviating() {
        for step in steps {
            let of_notice = || {
                steps.iter().find_map(|of| match of {
                    Step::Notice(said) if said.body.deviation == step.deviation() => Some(said.body.target.as_str()),
                    _ => None,
                })
            };
            // Measured again without a notice it is of no target: nobody can compute it.
            let (leaf, target, measured) = match step {
                Step::Notice(said) => (said.leaf, Some(said.body.target.as_str()), &said.body.measured),
                Step::Remeasured(said) => (said.leaf, of_notice(), &said.body.measured),
                Step::Explanation(_) | Step::Measures(_) | Step::Closed(_) => continue,
            };
            let at = declared.statements.binary_search_by_key(&leaf, |(leaf, _, _)| *leaf).ok();
            let stated = at.and_then(|at| declared.statements.get(at));
            let Some((_, _, declaration)) = stated else { continue };
            let what = What::Measured { filing, target, measured, stated_ms: declaration.effective_from };
            out.push(Figure { leaf, size: measured.size, what });
        }
    }
    out.sort_by_key(|figure| (figure.size, figure.leaf));
    out
}

impl Figure<'_> {
    fn code(&self) -> &'static str {
        match self.what {
            What::Found { .. } => ONSITE,
            What::Measured { .. } => DEVIATION,
        }
    }

    fn place(&self) -> String {
        let kind = match &self.what {
            What::Found { check, .. } => format!("onsite_result {check}"),
            What::Measured { filing, target, .. } => format!("measured {filing} {}", target.unwrap_or("—")),
        };
        format!("leaf {}: {kind}", self.leaf)
    }

    /// The time whose readings it depends on.
    fn windows(&self, history: &History) -> Vec<Interval> {
        match &self.what {
            What::Found { check, of, .. } => onsite::window(history.statements(), check, *of).into_iter().collect(),
            What::Measured { measured, .. } => {
                deviation::windows(history, &measured.machines, &measured.base, &measured.window).unwrap_or_default()
            }
        }
    }
}

struct Judge<'j> {
    bundle: &'j Bundle<'j>,
    statements: &'j Statements,
    /// In order of their sizes.
    figures: &'j [Figure<'j>],
}

impl Judge<'_> {
    /// What comes of every figure, in their order.
    fn all(&self) -> Result<Vec<Judged>, String> {
        let mut judged: Vec<Option<Judged>> = self.figures.iter().map(|figure| self.by_leaves(figure)).collect();
        let is_open = |judged: &[Option<Judged>]| judged.iter().any(Option::is_none);
        let mut wanted: BTreeSet<u64> = BTreeSet::new();
        if is_open(&judged) {
            self.along(BTreeSet::new(), &|_| false, |history, lacking, figure, place| {
                let needed = history.needed(&figure.windows(history));
                match (judged.get_mut(place), needed.iter().any(|leaf| lacking.contains(leaf))) {
                    (Some(judged @ None), true) => *judged = Some(Judged::NotHeld),
                    (Some(None), false) => wanted.extend(needed),
                    _ => {}
                }
            })?;
        }
        if is_open(&judged) {
            self.along(self.statements.tags_used(), &|leaf| wanted.contains(&leaf), |history, _, figure, place| {
                if let Some(judged @ None) = judged.get_mut(place) {
                    *judged = Some(self.by_readings(history, figure));
                }
            })?;
        }
        Ok(judged.into_iter().map(|judged| judged.unwrap_or(Judged::NotHeld)).collect())
    }

    /// Walks along the log up to the last figure, with the contents of everything but batches and of the batches that `take` says. `at` is told of every
    /// figure when the history is what it rests on, with the batches so far whose contents are not in the bundle.
    fn along(
        &self,
        tags: BTreeSet<(String, String)>,
        take: &dyn Fn(u64) -> bool,
        mut at: impl FnMut(&History, &BTreeSet<u64>, &Figure<'_>, usize),
    ) -> Result<(), String> {
        let (archive, mut history) = (&self.bundle.archive, History::for_tags(tags));
        let mut lacking = BTreeSet::new();
        let mut figures = self.figures.iter().zip(0_usize..).peekable();
        for tile in 0..self.bundle.leaves.tiles() {
            let (first, leaves) = self.bundle.leaves.tile(archive, tile)?;
            for (index, leaf) in (first..).zip(&leaves) {
                while let Some((figure, place)) = figures.next_if(|(figure, _)| figure.size <= index) {
                    at(&history, &lacking, figure, place);
                }
                if figures.peek().is_none() {
                    return Ok(());
                }
                let is_batch = matches!(&leaf.body, LeafBody::Record { header, .. } if header.kind == Kind::Batch);
                let digest = leaf.content_digest();
                if is_batch && digest.is_some_and(|digest| archive.content_at(&digest).is_none()) {
                    lacking.insert(index);
                }
                let content = match digest.filter(|_| !is_batch || take(index)) {
                    Some(digest) => archive.content(&digest).map_err(|e| e.to_string())?,
                    None => None,
                };
                history.push(index, leaf, content.as_deref()).map_err(|e| e.to_string())?;
            }
        }
        figures.for_each(|(figure, place)| at(&history, &lacking, figure, place));
        Ok(())
    }

    /// What leaves alone say of a figure.
    fn by_leaves(&self, figure: &Figure<'_>) -> Option<Judged> {
        if figure.size > figure.leaf {
            let (leaf, size) = (figure.leaf, figure.size);
            return Some(wrong(
                format!("称依据日志前 {size} 条，而它自己是第 {leaf} 条：不可能依据其后的条目"),
                format!(
                    "said to rest on the first {size} leaves and is leaf {leaf} itself: nothing rests on what came later"
                ),
            ));
        }
        let What::Found { check, of, found } = figure.what else { return None };
        let asked = self.statements.onsite(check).iter().find(|entry| entry.leaf == of).map(|entry| &entry.act);
        match asked {
            Some(Act::Check(_)) => {
                let root = self.bundle.leaves.roots.get(&of.saturating_add(1));
                let drawn = root.and_then(|root| onsite::draw(self.statements, check, of, root)).map(Found::Draw);
                Some(compared(found, drawn.as_ref()))
            }
            Some(Act::Press(_) | Act::Face(_) | Act::Plate(_)) => None,
            Some(Act::Result(_) | Act::Confirmed(_)) | None => Some(wrong(
                format!("日志第 {of} 条不是现场核查 {check} 的动作，没有可得出的结果"),
                format!(
                    "leaf {of} is no act of the on-site check `{check}`: there is nothing it could be the result of"
                ),
            )),
        }
    }

    /// What the readings before it say of a figure.
    fn by_readings(&self, history: &History, figure: &Figure<'_>) -> Judged {
        match figure.what {
            What::Found { check, of, found } => compared(found, onsite::evaluate(history, check, of).ok().as_ref()),
            What::Measured { filing, target, measured, stated_ms } => {
                let Some(target) = target else { return Judged::NotHeld };
                let promised = self.statements.promised(filing, target, figure.leaf);
                let again = deviation::again(history, measured, &promised, stated_ms);
                // Where a target was changed there are several promises: the figure is that of one of them.
                match again.iter().any(|again| again == measured) {
                    true => Judged::Same,
                    false => compared(measured, again.last()),
                }
            }
        }
    }
}

fn wrong(zh: impl Into<String>, en: impl Into<String>) -> Judged {
    Judged::Wrong((zh.into(), en.into()))
}

/// A figure beside what was computed; `None`: nothing can be computed, so that nobody could have stated it.
fn compared<T: Serialize + PartialEq>(stated: &T, computed: Option<&T>) -> Judged {
    let Some(computed) = computed else {
        return wrong(
            "由它所依据的日志得不出任何结果：所记数值不是计算所得",
            "the log it names gives no such result at all: what is stated was not computed",
        );
    };
    if stated == computed {
        return Judged::Same;
    }
    let json = |of: &T| serde_json::to_value(of).unwrap_or_default();
    let place = differ(&json(stated), &json(computed)).unwrap_or_default();
    wrong(
        format!("与由日志和读数重新计算的结果不一致：{place}"),
        format!("is not what the log and its readings give: {place}"),
    )
}
