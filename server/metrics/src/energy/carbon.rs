//! CO₂ of energy, location-based (reference §2.5): one factor vintage for both periods of a comparison.
//!
//! Constraints
//! 1. A grid factor is named by scope, kind, data year and document; two national series mix different concepts under one
//!    name, so the kind is part of the identity.
//! 2. A before/after comparison applies **one** vintage to both sides. What the change of vintage alone would have done is
//!    a line of its own ([`Drift`]), never part of the saving.
//! 3. Fuels: amount · NCV · carbon content · oxidised fraction · 44/12, exactly.
//! 4. Known transcription errors are refused on import: tables that swap the national averages of 2021 and 2022.

use serde::Deserialize;

use crate::energy::EnergyError;
use crate::energy::factors::Sourced;
use crate::exact::Rational;

/// What a grid factor is an average of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GridKind {
    /// 电力平均二氧化碳排放因子.
    Average,
    /// 全国电网排放因子 for enterprise reporting: another concept.
    Reporting,
    /// Average without market-traded non-fossil electricity.
    ExcludingTraded,
    /// Fossil electricity only.
    Fossil,
}

/// A grid factor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GridFactor {
    /// `CN`, a province or a regional grid, by its Chinese name.
    pub scope: String,
    /// What it averages.
    pub kind: GridKind,
    /// Year of the data (for [`GridKind::Reporting`] the year it is to be used for).
    pub data_year: u16,
    /// Document that publishes it.
    pub document: String,
    /// kgCO₂ per kWh.
    pub kg_per_kwh: Rational,
    /// How well sourced.
    pub sourced: Sourced,
}

impl GridFactor {
    /// `grid.CN.average.2022`: how reports name it.
    pub fn id(&self) -> String {
        let kind = match self.kind {
            GridKind::Average => "average",
            GridKind::Reporting => "reporting",
            GridKind::ExcludingTraded => "excluding_traded",
            GridKind::Fossil => "fossil",
        };
        format!("grid.{}.{kind}.{}", self.scope, self.data_year)
    }

    /// Emission of so many kWh, kgCO₂.
    ///
    /// # Errors
    /// An overflow.
    pub fn kg(&self, kwh: Rational) -> Result<Rational, EnergyError> {
        kwh.times(self.kg_per_kwh).ok_or(EnergyError::TooLarge)
    }
}

/// Grid factors of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GridTable {
    /// `name@version`.
    pub id: String,
    /// Factors.
    pub factors: Vec<GridFactor>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTable {
    id: String,
    factors: Vec<RawFactor>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFactor {
    scope: String,
    kind: GridKind,
    data_year: u16,
    document: String,
    kg_per_kwh: String,
    sourced: Sourced,
}

/// The values that some public tables have under the wrong year: (year, the other year's value).
const SWAPPED: [(u16, (i128, i128)); 2] = [(2021, (5_366, 10_000)), (2022, (5_568, 10_000))];
const SIZE_MAX: usize = 256 * 1024;

impl GridTable {
    /// Reads a table.
    ///
    /// # Errors
    /// Another shape, a factor that is no decimal in (0, 2), a factor twice, the national averages of 2021 and 2022 swapped.
    pub fn parse(json: &str) -> Result<Self, EnergyError> {
        let bad = |reason: String| EnergyError::Data { file: "grid factors".to_owned(), reason };
        if json.len() > SIZE_MAX {
            return Err(bad(format!("at most {SIZE_MAX} bytes")));
        }
        let raw: RawTable = serde_json::from_str(json).map_err(|e| bad(e.to_string()))?;
        let mut factors: Vec<GridFactor> = Vec::with_capacity(raw.factors.len());
        for row in raw.factors {
            let value = Rational::parse(&row.kg_per_kwh).filter(|v| *v > Rational::ZERO && *v < Rational::integer(2));
            let kg_per_kwh = value.ok_or_else(|| bad(format!("`{}` is no factor in kg per kWh", row.kg_per_kwh)))?;
            let factor = GridFactor {
                scope: row.scope,
                kind: row.kind,
                data_year: row.data_year,
                document: row.document,
                kg_per_kwh,
                sourced: row.sourced,
            };
            let is_swapped = |(year, (num, den)): &(u16, (i128, i128))| {
                *year == factor.data_year && Rational::new(*num, *den) == Some(kg_per_kwh)
            };
            if factor.scope == "CN" && factor.kind == GridKind::Average && SWAPPED.iter().any(is_swapped) {
                return Err(bad(format!("{}: the averages of 2021 and 2022 are swapped", factor.id())));
            }
            if factors.iter().any(|f| f.id() == factor.id()) {
                return Err(bad(format!("{} is there twice", factor.id())));
            }
            factors.push(factor);
        }
        Ok(Self { id: raw.id, factors })
    }

    /// The factor of a scope, kind and year.
    pub fn get(&self, scope: &str, kind: GridKind, data_year: u16) -> Option<&GridFactor> {
        self.factors.iter().find(|f| f.scope == scope && f.kind == kind && f.data_year == data_year)
    }

    /// The average of the latest year of a scope: the default for a meter's province, shown beside the national one.
    pub fn latest_average(&self, scope: &str) -> Option<&GridFactor> {
        let of_scope = self.factors.iter().filter(|f| f.scope == scope && f.kind == GridKind::Average);
        of_scope.max_by_key(|f| f.data_year)
    }
}

/// The table delivered with the program.
pub const DELIVERED: &str = include_str!("../../data/grid/cn-1.json");

/// A fuel's carbon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FuelCarbon {
    /// Fuel id, e.g. `diesel`.
    pub fuel: String,
    /// Unit of the amount: `t` or `10^4 Nm3`.
    pub unit: String,
    /// Net calorific value, GJ per unit of the amount.
    pub ncv: Rational,
    /// Carbon content, tC per GJ.
    pub carbon: Rational,
    /// Oxidised fraction.
    pub oxidised: Rational,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFuels {
    #[serde(rename = "id")]
    _id: String,
    #[serde(rename = "source")]
    _source: String,
    fuels: Vec<RawFuel>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFuel {
    fuel: String,
    #[serde(rename = "names")]
    _names: crate::model::Names,
    unit: String,
    ncv_gj: String,
    carbon_t_per_gj: String,
    oxidised: String,
    #[serde(rename = "sourced")]
    _sourced: Sourced,
    #[serde(rename = "remark")]
    _remark: String,
}

/// The fuels delivered with the program.
pub const DELIVERED_FUELS: &str = include_str!("../../data/grid/fuels-1.json");

impl FuelCarbon {
    /// Reads a table of fuels.
    ///
    /// # Errors
    /// Another shape, or a value that is no decimal above zero.
    pub fn parse(json: &str) -> Result<Vec<Self>, EnergyError> {
        let bad = |reason: String| EnergyError::Data { file: "fuels".to_owned(), reason };
        if json.len() > SIZE_MAX {
            return Err(bad(format!("at most {SIZE_MAX} bytes")));
        }
        let raw: RawFuels = serde_json::from_str(json).map_err(|e| bad(e.to_string()))?;
        let number = |fuel: &str, text: &str| {
            let value = Rational::parse(text).filter(|v| *v > Rational::ZERO);
            value.ok_or_else(|| bad(format!("`{fuel}`: `{text}` must be a decimal above zero")))
        };
        let read = |f: RawFuel| {
            let (ncv, carbon) = (number(&f.fuel, &f.ncv_gj)?, number(&f.fuel, &f.carbon_t_per_gj)?);
            let oxidised = number(&f.fuel, &f.oxidised)?;
            Ok(Self { fuel: f.fuel, unit: f.unit, ncv, carbon, oxidised })
        };
        raw.fuels.into_iter().map(read).collect()
    }

    /// Emission of an amount, tCO₂: amount · NCV · CC · OF · 44/12.
    ///
    /// # Errors
    /// An overflow.
    pub fn tonnes(&self, amount: Rational) -> Result<Rational, EnergyError> {
        let molar = Rational::new(44, 12).ok_or(EnergyError::TooLarge)?;
        let parts = [self.ncv, self.carbon, self.oxidised, molar];
        parts.iter().try_fold(amount, |t, p| t.times(*p)).ok_or(EnergyError::TooLarge)
    }
}

/// Carbon of purchased heat: 0.11 tCO₂/GJ unless a supplier states its own.
pub fn default_heat_tonnes_per_gj() -> Rational {
    Rational::new(11, 100).unwrap_or(Rational::ZERO)
}

/// Net emissions: fuel + process + electricity + heat − exported, tCO₂ (structure of GB/T 32150).
///
/// # Errors
/// An overflow.
pub fn total(parts: &[Rational], exported: &[Rational]) -> Result<Rational, EnergyError> {
    let sum = |all: &[Rational]| Rational::sum(all.iter().copied()).ok_or(EnergyError::TooLarge);
    sum(parts)?.minus(sum(exported)?).ok_or(EnergyError::TooLarge)
}

/// A before/after comparison of electricity's carbon under one vintage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compared {
    /// The factor applied to both periods.
    pub factor: String,
    /// Before, kgCO₂.
    pub before: Rational,
    /// After, kgCO₂.
    pub after: Rational,
    /// after − before: what the use of energy changed.
    pub change: Rational,
    /// The vintage each period would have had, and what that alone does; apart from the change.
    pub drift: Drift,
}

/// What the change of factors alone does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drift {
    /// Factor of the earlier vintage.
    pub from: String,
    /// Factor of the later vintage.
    pub to: String,
    /// later / earlier − 1.
    pub relative: Rational,
    /// Energy after · (later − earlier), kgCO₂: not a saving.
    pub kg: Rational,
}

/// The effect of a change of factor on the same energy.
///
/// # Errors
/// An overflow.
pub fn drift(from: &GridFactor, to: &GridFactor, kwh: Rational) -> Result<Drift, EnergyError> {
    let large = EnergyError::TooLarge;
    let ratio = to.kg_per_kwh.over(from.kg_per_kwh).ok_or(EnergyError::Zero("the earlier factor"))?;
    let difference = to.kg_per_kwh.minus(from.kg_per_kwh).ok_or(large.clone())?;
    Ok(Drift {
        from: from.id(),
        to: to.id(),
        relative: ratio.minus(Rational::integer(1)).ok_or(large.clone())?,
        kg: kwh.times(difference).ok_or(large)?,
    })
}

/// Compares two periods under the factor `common`; `own` are the factors in force in each, for the drift line.
///
/// # Errors
/// An overflow.
pub fn compare(
    before_kwh: Rational,
    after_kwh: Rational,
    common: &GridFactor,
    own: (&GridFactor, &GridFactor),
) -> Result<Compared, EnergyError> {
    let (before, after) = (common.kg(before_kwh)?, common.kg(after_kwh)?);
    let change = after.minus(before).ok_or(EnergyError::TooLarge)?;
    Ok(Compared { factor: common.id(), before, after, change, drift: drift(own.0, own.1, after_kwh)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_delivered_table_has_every_province_for_both_years() {
        let table = GridTable::parse(DELIVERED).unwrap();
        let of_year =
            |year| table.factors.iter().filter(|f| f.data_year == year && f.kind == GridKind::Average).count();
        // 30 provinces, 7 regional grids and the nation.
        assert_eq!((of_year(2021), of_year(2022)), (38, 38));
        assert_eq!(table.latest_average("CN").unwrap().kg_per_kwh.digits(4), "0.5306");
        assert_eq!(table.latest_average("云南").unwrap().id(), "grid.云南.average.2022");
        assert!(table.factors.iter().all(|f| !f.document.is_empty()));
    }

    #[test]
    fn fuel_factors_agree_with_the_published_products() {
        let fuels = FuelCarbon::parse(DELIVERED_FUELS).unwrap();
        let per_unit = |id: &str| fuels.iter().find(|f| f.fuel == id).unwrap().tonnes(Rational::integer(1)).unwrap();
        assert_eq!(per_unit("gasoline").digits(4), "2.9251");
        assert_eq!(per_unit("diesel").digits(4), "3.0959");
        assert_eq!(per_unit("lpg").digits(4), "3.1013");
        assert_eq!(per_unit("natural_gas").over(Rational::integer(10)).unwrap().digits(4), "2.1650");
    }

    #[test]
    fn a_table_with_the_national_years_swapped_is_refused() {
        let table = |year: u16, value: &str| {
            GridTable::parse(&format!(
                r#"{{"id":"x@1","factors":[{{"scope":"CN","kind":"average","data_year":{year},"document":"d","kg_per_kwh":"{value}","sourced":"secondary"}}]}}"#
            ))
        };
        assert!(table(2021, "0.5568").is_ok() && table(2022, "0.5366").is_ok());
        assert!(table(2021, "0.5366").is_err() && table(2022, "0.5568").is_err());
        assert!(table(2022, "536.6").is_err(), "grams per kWh are another unit");
    }

    #[test]
    fn the_same_energy_saves_nothing_whatever_the_factors_did() {
        let table = GridTable::parse(DELIVERED).unwrap();
        let factor = |year| table.get("CN", GridKind::Average, year).unwrap();
        let kwh = Rational::integer(1_000_000);
        let same = compare(kwh, kwh, factor(2022), (factor(2021), factor(2022))).unwrap();
        assert_eq!(same.change, Rational::ZERO);
        assert_eq!(same.drift.relative.times(Rational::integer(100)).unwrap().digits(6), "-3.627874");
        assert_eq!(same.drift.kg.digits(0), "-20200");
    }
}
