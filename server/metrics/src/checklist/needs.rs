//! Whether what a form asks for is evidenced by what we have: definitions with values, each over some machines.
//!
//! Constraints
//! 1. An item is *evidenced* when every definition it needs has a value over every machine it should cover, *partly* when some
//!    have or over some machines, otherwise *not*. What no equipment data can show is said to be beyond it, with the reason.
//! 2. The grade of an item is the worst of the values it rests on.
//! 3. Definitions are ids of the catalogue; one the catalogue does not know is refused when the file is read.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::checklist::file::{known, named};
use crate::grade::Grade;
use crate::model::Names;
use crate::oee::Undefined;

/// Something a form asks for.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Need {
    /// What is asked.
    pub names: Names,
    /// Definitions that evidence it, all of them.
    #[serde(default)]
    pub definitions: Vec<String>,
    /// Why no equipment data evidences it, when none does.
    #[serde(default)]
    pub why_not: Option<Names>,
}

impl Need {
    /// Whether it is well formed.
    ///
    /// # Errors
    /// A text missing, an id the catalogue does not know, both or neither of `definitions` and `why_not`.
    pub fn check(&self) -> Result<(), String> {
        named(&self.names, "need")?;
        if let Some(why) = &self.why_not {
            named(why, "why_not")?;
        }
        if self.definitions.is_empty() != self.why_not.is_some() {
            return Err(format!("`{}`: definitions, or `why_not`", self.names.en));
        }
        known(&self.definitions)
    }
}

/// A value that exists: how well evidenced, and over how many of the machines it should cover.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    /// Its grade.
    pub grade: Grade,
    /// Machines with a value; for values of the whole site 1.
    pub with: u32,
    /// Machines that should have one; for values of the whole site 1.
    pub of: u32,
}

/// What is there: by definition id a value, or why it is undefined. Ids that are absent were not computed.
pub type Available = BTreeMap<String, Result<Held, Undefined>>;

/// Whether something is evidenced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// Equipment data cannot evidence it.
    Beyond,
    /// It could, and there is none.
    Not,
    /// In part.
    Partly,
    /// Wholly.
    Evidenced,
}

impl Verdict {
    /// In Chinese and English.
    pub const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Beyond => ("非设备数据可佐证，由评测人员核实", "beyond equipment data: for the assessor"),
            Self::Not => ("暂无数据佐证", "not evidenced"),
            Self::Partly => ("部分可佐证", "partly evidenced"),
            Self::Evidenced => ("可佐证", "evidenced"),
        }
    }
}

/// Why a definition does not evidence what it could.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lack {
    /// There is no value.
    NoData,
    /// The value is undefined.
    Undefined(Undefined),
    /// Some machines only.
    Machines {
        /// With a value.
        with: u32,
        /// That should have one.
        of: u32,
    },
}

impl Lack {
    /// In Chinese and English.
    pub fn words(self) -> (String, String) {
        match self {
            Self::NoData => ("无数据".to_owned(), "no data".to_owned()),
            Self::Undefined(why) => (why.words().0.to_owned(), why.words().1.to_owned()),
            Self::Machines { with, of } => {
                (format!("仅 {with}/{of} 台设备有数据"), format!("{with} of {of} machines only"))
            }
        }
    }
}

/// What was found for something asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judged {
    /// The verdict.
    pub verdict: Verdict,
    /// Worst grade of the values found; none without values.
    pub grade: Option<Grade>,
    /// Definitions with a value.
    pub found: Vec<String>,
    /// Definitions without one, or with one for some machines only, and why.
    pub lacking: Vec<(String, Lack)>,
}

/// Judges by the definitions needed.
pub fn judge(definitions: &[String], available: &Available) -> Judged {
    let (mut found, mut lacking, mut grade) = (Vec::new(), Vec::new(), None::<Grade>);
    for id in definitions {
        match available.get(id) {
            None => lacking.push((id.clone(), Lack::NoData)),
            Some(Err(why)) => lacking.push((id.clone(), Lack::Undefined(*why))),
            Some(Ok(held)) => {
                let complete = held.with >= held.of;
                if !complete || held.with == 0 {
                    lacking.push((id.clone(), Lack::Machines { with: held.with, of: held.of }));
                }
                if held.with > 0 {
                    grade = Some(grade.map_or(held.grade, |g| g.max(held.grade)));
                    found.push(id.clone());
                }
            }
        }
    }
    let verdict = match (definitions.is_empty(), found.is_empty(), lacking.is_empty()) {
        (true, ..) => Verdict::Beyond,
        (_, true, _) => Verdict::Not,
        (_, _, true) => Verdict::Evidenced,
        _ => Verdict::Partly,
    };
    Judged { verdict, grade, found, lacking }
}

/// The verdict of a whole from its parts; parts beyond equipment data do not count, unless there are no others.
pub fn whole(parts: impl Iterator<Item = Verdict>) -> Verdict {
    let parts: Vec<Verdict> = parts.filter(|v| *v != Verdict::Beyond).collect();
    if parts.is_empty() {
        Verdict::Beyond
    } else if parts.iter().all(|v| *v == Verdict::Evidenced) {
        Verdict::Evidenced
    } else if parts.iter().all(|v| *v == Verdict::Not) {
        Verdict::Not
    } else {
        Verdict::Partly
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn available(rows: &[(&str, Result<(u32, u32), Undefined>)]) -> Available {
        let held = |(with, of)| Held { grade: if with == of { Grade::A } else { Grade::C }, with, of };
        rows.iter().map(|(id, v)| ((*id).to_owned(), v.map(held))).collect()
    }

    #[test]
    fn what_is_missing_is_said_with_its_reason() {
        let ids = ["oee.iso22400@1".to_owned(), "mttr.iso22400@1".to_owned()];
        let judged = |rows: &[(&str, Result<(u32, u32), Undefined>)]| judge(&ids, &available(rows));
        let none = judged(&[]);
        assert_eq!((none.verdict, none.grade, none.lacking.len()), (Verdict::Not, None, 2));
        let partly = judged(&[("oee.iso22400@1", Ok((3, 5))), ("mttr.iso22400@1", Err(Undefined::NoFailure))]);
        assert_eq!((partly.verdict, partly.grade, partly.found.len()), (Verdict::Partly, Some(Grade::C), 1));
        assert_eq!(partly.lacking[0].1.words().0, "仅 3/5 台设备有数据");
        assert_eq!(partly.lacking[1].1.words().1, "nothing failed");
        let all = judged(&[("oee.iso22400@1", Ok((5, 5))), ("mttr.iso22400@1", Ok((1, 1)))]);
        assert_eq!((all.verdict, all.grade, all.lacking), (Verdict::Evidenced, Some(Grade::A), vec![]));
        let nobody = judged(&[("oee.iso22400@1", Ok((0, 5))), ("mttr.iso22400@1", Ok((0, 0)))]);
        assert_eq!(nobody.verdict, Verdict::Not, "no machine has a value: {:?}", nobody.lacking);
        assert_eq!(judge(&[], &available(&[])).verdict, Verdict::Beyond);
    }

    #[test]
    fn a_whole_is_no_better_than_its_parts() {
        use Verdict::{Beyond, Evidenced, Not, Partly};
        assert_eq!(whole([Evidenced, Beyond].into_iter()), Evidenced);
        assert_eq!(whole([Evidenced, Not].into_iter()), Partly);
        assert_eq!(whole([Not, Not].into_iter()), Not);
        assert_eq!(whole([Partly].into_iter()), Partly);
        assert_eq!(whole([Beyond].into_iter()), Beyond);
    }
}
