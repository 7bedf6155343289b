//! Constants of control charts as versioned data (A2, D3, D4, d2).
//!
//! Constraints: printed tables round to three decimals, and limits are computed with what is printed, so that anyone with the
//! table gets the same digits. A changed number is a new version.

use serde::Deserialize;

use crate::energy::factors::Sourced;
use crate::exact::Rational;
use crate::model::Names;

/// Smallest and largest subgroup of an X̄-R chart; above ten the range wastes what the values say.
pub const SUBGROUP_SIZES: std::ops::RangeInclusive<usize> = 2..=10;
/// Largest file read.
const SIZE_MAX: usize = 256 * 1024;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    id: String,
    names: Names,
    source: String,
    sourced: Sourced,
    #[serde(default)]
    remark: String,
    rows: Vec<Row>,
    individuals: Printed,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    n: usize,
    a2: String,
    d3: String,
    d4: String,
    d2: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Printed {
    a2: String,
    d3: String,
    d4: String,
    d2: String,
}

/// The constants of one chart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Constants {
    /// Limits of the location chart are centre ± `a2` · mean range (A2; E2 = 3/d2 for individuals).
    pub a2: Rational,
    /// Lower limit of the range chart is `d3` · mean range.
    pub d3: Rational,
    /// Upper limit of the range chart is `d4` · mean range.
    pub d4: Rational,
    /// σ within subgroups is mean range / `d2`.
    pub d2: Rational,
}

/// A table of constants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// `name@version`.
    pub id: String,
    /// Display names.
    pub names: Names,
    /// Where the numbers are from.
    pub source: String,
    /// How well they are sourced.
    pub sourced: Sourced,
    /// What a reader should know.
    pub remark: String,
    rows: Vec<(usize, Constants)>,
    individuals: Constants,
}

impl Table {
    /// Reads a table.
    ///
    /// # Errors
    /// Another shape, a number that is no plain decimal or not above zero where it must be, or sizes out of order.
    pub fn parse(json: &str) -> Result<Self, String> {
        if json.len() > SIZE_MAX {
            return Err(format!("at most {SIZE_MAX} bytes"));
        }
        let file: File = serde_json::from_str(json).map_err(|e| e.to_string())?;
        let rows = file.rows.iter().map(|r| Some((r.n, constants([&r.a2, &r.d3, &r.d4, &r.d2])?)));
        let rows = rows.collect::<Option<Vec<_>>>().ok_or("a constant is no plain decimal in its range")?;
        let i = &file.individuals;
        let individuals = constants([&i.a2, &i.d3, &i.d4, &i.d2]).ok_or("the constants of individuals")?;
        if !rows.iter().map(|r| r.0).eq(SUBGROUP_SIZES) {
            return Err("rows must be the subgroup sizes 2 to 10, in order".to_owned());
        }
        let File { id, names, source, sourced, remark, .. } = file;
        Ok(Self { id, names, source, sourced, remark, rows, individuals })
    }

    /// The constants of an X̄-R chart with subgroups of `n`.
    pub fn subgroups_of(&self, n: usize) -> Option<&Constants> {
        self.rows.iter().find(|r| r.0 == n).map(|r| &r.1)
    }

    /// The constants of an individuals chart with moving ranges of two.
    pub const fn individuals(&self) -> &Constants {
        &self.individuals
    }
}

fn constants(printed: [&String; 4]) -> Option<Constants> {
    let [a2, d3, d4, d2] = printed.map(|text| Rational::parse(text));
    let (a2, d3, d4, d2) = (a2?, d3?, d4?, d2?);
    let fits = a2 > Rational::ZERO && d3 >= Rational::ZERO && d4 > Rational::integer(1) && d2 > Rational::integer(1);
    fits.then_some(Constants { a2, d3, d4, d2 })
}

/// The table delivered with the program.
pub const DELIVERED: &str = include_str!("../../data/spc/constants-1.json");

/// The delivered table.
///
/// # Errors
/// Never with the file that is delivered; a test reads it.
pub fn delivered() -> Result<Table, String> {
    Table::parse(DELIVERED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_delivered_table_is_whole_and_fits_together() {
        let table = delivered().unwrap();
        assert_eq!(table.id, "spc.constants@1");
        for n in SUBGROUP_SIZES {
            let c = table.subgroups_of(n).unwrap();
            // A2 = 3 / (d2·√n) and D3 + D4 = 2 where D3 is not cut off, within what three decimals leave.
            let product = c.a2.times(c.d2).unwrap();
            let square = product.times(product).and_then(|s| s.times(Rational::integer(n as i128))).unwrap();
            let off = square.minus(Rational::integer(9)).unwrap();
            assert!(off < Rational::new(4, 100).unwrap() && off > Rational::new(-4, 100).unwrap(), "{n}");
            if !c.d3.is_zero() {
                assert_eq!(c.d3.plus(c.d4), Some(Rational::integer(2)), "{n}");
            }
        }
        assert_eq!(table.subgroups_of(1), None);
        assert_eq!(table.subgroups_of(11), None);
        let mut wrong = DELIVERED.replace("\"1.693\"", "\"x\"");
        assert!(Table::parse(&wrong).is_err());
        wrong = DELIVERED.replace("\"n\": 4", "\"n\": 5");
        assert!(Table::parse(&wrong).unwrap_err().contains("in order"));
    }
}
