//! Factors to standard coal (折标准煤系数) as versioned data (reference §2.2, §2.3).
//!
//! Constraints
//! 1. A set has one basis: 当量值 (heat content) or 等价值 (primary energy to make it). Its electricity factor must fit the
//!    basis it claims — a common mislabelling is refused, not repeated.
//! 2. A changed number is a new version of the set. What somebody must verify before quoting it says so.
//! 3. A measured net calorific value goes before the table: kgce = NCV / 29 307 kJ.

use serde::Deserialize;

use crate::energy::EnergyError;
use crate::exact::Rational;
use crate::model::Names;

/// Net calorific value of one kilogram of standard coal, kJ (GB/T 2589-2008 §6.2, kept in 2020).
pub const KJ_PER_KGCE: i128 = 29_307;

/// What a factor stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// 当量值: heat content.
    Equivalent,
    /// 等价值: primary energy needed to make it.
    Primary,
}

impl Basis {
    /// Chinese and English.
    pub const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Equivalent => ("当量值", "equivalent value"),
            Self::Primary => ("等价值", "primary value"),
        }
    }

    /// The basis an electricity factor in kgce/kWh fits, if any.
    pub fn of_electricity(kgce_per_kwh: Rational) -> Option<Self> {
        let within = |low: i128, high: i128| {
            let hundredths = |v: i128| Rational::new(v, 100);
            hundredths(low).is_some_and(|l| kgce_per_kwh > l) && hundredths(high).is_some_and(|h| kgce_per_kwh < h)
        };
        if within(10, 13) {
            Some(Self::Equivalent)
        } else if within(25, 45) {
            Some(Self::Primary)
        } else {
            None
        }
    }
}

/// How well a number is sourced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sourced {
    /// Seen in a published document.
    Published,
    /// Seen in somebody's transcription only.
    Secondary,
    /// No source at hand: verify before quoting it to an authority.
    Unverified,
}

/// One carrier of a set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Factor {
    /// Carrier id, e.g. `electricity`.
    pub carrier: String,
    /// Names.
    pub names: Names,
    /// Unit of the amount.
    pub unit: String,
    /// kgce per unit.
    pub kgce: Rational,
    /// Energy-carrying medium (耗能工质): counted only when bought across the boundary.
    pub is_medium: bool,
    /// How well sourced.
    pub sourced: Sourced,
    /// What a reader must know.
    pub remark: String,
}

/// A versioned set of factors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FactorSet {
    /// `name@version`.
    pub id: String,
    /// Names.
    pub names: Names,
    /// Basis of every factor.
    pub basis: Basis,
    /// Document it follows.
    pub source: String,
    /// Carriers.
    pub factors: Vec<Factor>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSet {
    id: String,
    names: Names,
    basis: Basis,
    source: String,
    factors: Vec<RawFactor>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFactor {
    carrier: String,
    names: Names,
    unit: String,
    kgce: String,
    #[serde(default)]
    medium: bool,
    sourced: Sourced,
    #[serde(default)]
    remark: String,
}

/// Longest factor file read, bytes.
const SIZE_MAX: usize = 256 * 1024;

impl FactorSet {
    /// Reads a set.
    ///
    /// # Errors
    /// JSON of another shape, a factor that is no decimal or not above zero, a carrier twice, an electricity factor that does
    /// not fit the claimed basis.
    pub fn parse(json: &str) -> Result<Self, EnergyError> {
        let bad = |reason: String| EnergyError::Data { file: "factor set".to_owned(), reason };
        if json.len() > SIZE_MAX {
            return Err(bad(format!("at most {SIZE_MAX} bytes")));
        }
        let raw: RawSet = serde_json::from_str(json).map_err(|e| bad(e.to_string()))?;
        let mut factors: Vec<Factor> = Vec::with_capacity(raw.factors.len());
        for row in raw.factors {
            let kgce = Rational::parse(&row.kgce).filter(|k| *k > Rational::ZERO);
            let kgce = kgce.ok_or_else(|| bad(format!("`{}`: kgce must be a decimal above zero", row.carrier)))?;
            if factors.iter().any(|f| f.carrier == row.carrier) {
                return Err(bad(format!("`{}` is there twice", row.carrier)));
            }
            let is_electricity = row.carrier == "electricity";
            if is_electricity && Basis::of_electricity(kgce) != Some(raw.basis) {
                return Err(EnergyError::Basis { factor: row.kgce, claimed: raw.basis.words().0 });
            }
            factors.push(Factor {
                carrier: row.carrier,
                names: row.names,
                unit: row.unit,
                kgce,
                is_medium: row.medium,
                sourced: row.sourced,
                remark: row.remark,
            });
        }
        Ok(Self { id: raw.id, names: raw.names, basis: raw.basis, source: raw.source, factors })
    }

    /// The factor of a carrier.
    ///
    /// # Errors
    /// No such carrier.
    pub fn get(&self, carrier: &str) -> Result<&Factor, EnergyError> {
        let missing = || EnergyError::NoFactor { carrier: carrier.to_owned(), set: self.id.clone() };
        self.factors.iter().find(|f| f.carrier == carrier).ok_or_else(missing)
    }

    /// This set with another electricity factor, as a set of 等价值 of its own: the coal rate of a year and region.
    ///
    /// # Errors
    /// A factor that is no 等价值.
    pub fn with_primary_electricity(
        &self,
        id: &str,
        source: &str,
        kgce_per_kwh: Rational,
    ) -> Result<Self, EnergyError> {
        if Basis::of_electricity(kgce_per_kwh) != Some(Basis::Primary) {
            let claimed = Basis::Primary.words().0;
            return Err(EnergyError::Basis { factor: kgce_per_kwh.digits(4), claimed });
        }
        let mut out = Self { id: id.to_owned(), source: source.to_owned(), basis: Basis::Primary, ..self.clone() };
        for factor in out.factors.iter_mut().filter(|f| f.carrier == "electricity") {
            factor.kgce = kgce_per_kwh;
            factor.remark.clear();
        }
        Ok(out)
    }
}

/// kgce per unit from a measured net calorific value in kJ per unit.
pub fn kgce_of_ncv(kj_per_unit: Rational) -> Option<Rational> {
    kj_per_unit.over(Rational::integer(KJ_PER_KGCE))
}

/// The sets delivered with the program, newest last.
pub const DELIVERED: [&str; 2] = [
    include_str!("../../data/factors/kgce-equivalent-1.json"),
    include_str!("../../data/factors/kgce-primary-shanghai-2026-1.json"),
];

/// The delivered set with this id.
///
/// # Errors
/// No delivered set has it.
pub fn delivered(id: &str) -> Result<FactorSet, EnergyError> {
    let all = DELIVERED.iter().map(|json| FactorSet::parse(json));
    let missing =
        || EnergyError::Data { file: id.to_owned(), reason: "no delivered factor set has this id".to_owned() };
    all.filter_map(Result::ok).find(|set| set.id == id).ok_or_else(missing)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delivered_sets_parse_and_their_ids_carry_a_version() {
        for json in DELIVERED {
            let set = FactorSet::parse(json).unwrap();
            assert!(set.id.split_once('@').is_some_and(|(_, v)| v.parse::<u32>().is_ok()), "{}", set.id);
            assert_eq!(delivered(&set.id).unwrap(), set);
            assert!(set.get("electricity").is_ok() && !set.source.is_empty());
            for f in &set.factors {
                assert!(!f.names.zh.is_empty() && !f.names.en.is_empty() && !f.unit.is_empty(), "{}", f.carrier);
            }
        }
        assert!(delivered("nothing@1").is_err());
    }

    #[test]
    fn a_mislabelled_electricity_factor_is_refused() {
        let set = |basis: &str, kgce: &str| {
            FactorSet::parse(&format!(
                r#"{{"id":"x@1","names":{{"zh":"x","en":"x"}},"basis":"{basis}","source":"x","factors":[
                   {{"carrier":"electricity","names":{{"zh":"电","en":"e"}},"unit":"kWh","kgce":"{kgce}","sourced":"secondary"}}]}}"#
            ))
        };
        assert!(set("equivalent", "0.1229").is_ok() && set("primary", "0.31").is_ok());
        for (basis, kgce) in
            [("primary", "0.1229"), ("equivalent", "0.31"), ("primary", "0.404"), ("equivalent", "0.13")]
        {
            let refused = matches!(set(basis, kgce), Err(EnergyError::Basis { .. }));
            assert_eq!(refused, !(basis == "primary" && kgce == "0.404"), "{basis} {kgce}");
        }
        for bad in ["-0.1", "0", "1e-1", "x"] {
            assert!(matches!(set("equivalent", bad), Err(EnergyError::Data { .. })), "{bad}");
        }
    }

    #[test]
    fn measured_values_go_by_the_definition_of_standard_coal() {
        assert_eq!(kgce_of_ncv(Rational::integer(35_544)).unwrap().digits(4), "1.2128");
        assert_eq!(kgce_of_ncv(Rational::integer(3_600)).unwrap().digits(6), "0.122838");
    }
}
