//! 数据台账: what data there is, of what type, for what use, how much, from whom, used by whom (评测 2024 Q7; reference §5 row 37).
//!
//! Constraints: one line per set, in order of its name; a field nobody filled is empty and lowers completeness; a name that
//! is there twice is listed, never merged.

use crate::exact::Rational;
use crate::oee::Undefined;

/// A set of data.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Dataset {
    /// Name.
    pub name: String,
    /// 类型.
    pub kind: String,
    /// 用途.
    pub purpose: String,
    /// 数量: records, when known.
    pub records: Option<u64>,
    /// 数据源单位.
    pub source: String,
    /// 使用单位.
    pub user: String,
}

/// Fields a line should have beside its name.
const FIELDS: u64 = 5;

/// A ledger of data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ledger {
    /// Lines by name.
    pub lines: Vec<Dataset>,
    /// Filled fields over fields.
    pub completeness: Rational,
    /// Names that are there more than once.
    pub repeated: Vec<String>,
}

/// Makes the ledger.
///
/// # Errors
/// No sets.
pub fn ledger(mut sets: Vec<Dataset>) -> Result<Ledger, Undefined> {
    sets.sort();
    let filled = |d: &Dataset| {
        let texts = [&d.kind, &d.purpose, &d.source, &d.user];
        texts.into_iter().filter(|t| !t.trim().is_empty()).count() as u64 + u64::from(d.records.is_some())
    };
    let (have, should) = (sets.iter().map(filled).sum::<u64>(), sets.len() as u64 * FIELDS);
    let completeness = super::plain(have, should)?;
    let pairs = sets.iter().zip(sets.iter().skip(1));
    let mut repeated: Vec<String> = pairs.filter(|(a, b)| a.name == b.name).map(|(a, _)| a.name.clone()).collect();
    repeated.dedup();
    Ok(Ledger { lines: sets, completeness, repeated })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_fields_lower_completeness_and_repeated_names_stay() {
        let text = |t: &str| t.to_owned();
        let full = Dataset {
            name: text("能耗"),
            kind: text("计量"),
            purpose: text("能耗管理"),
            records: Some(0),
            source: text("设备部"),
            user: text("生产部"),
        };
        let bare = Dataset { name: text("产量"), kind: text(" "), ..Dataset::default() };
        let l = ledger(vec![full.clone(), bare.clone(), full.clone()]).unwrap();
        assert_eq!(l.completeness.digits(4), "0.6667");
        assert_eq!((l.lines.len(), l.repeated), (3, vec![text("能耗")]));
        assert_eq!(l.lines[0], bare, "by name");
        assert_eq!(ledger(vec![]), Err(Undefined::NothingDue));
    }
}
