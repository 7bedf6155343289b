//! Energy against money: per output value, and what a change of cost is made of.
//!
//! Constraints
//! 1. Output value and revenue are stated by finance: a figure made with them is graded C at best (reference §3.8).
//! 2. A change of cost is taken apart exactly: less energy, other hours under the same prices, other prices. Only the first is a
//!    saving of energy; moving use from peak to valley lowers cost without saving a kilowatt-hour (reference §2.4).

use crate::energy::EnergyError;
use crate::energy::tariff::Allotted;
use crate::exact::Rational;
use crate::grade::Grade;
use crate::metrology::Bounds;

/// Energy per output value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PerValue {
    /// kWh (or kgce) per 万元.
    pub value: Rational,
    /// What it can be, given what the energy can be.
    pub bounds: Bounds,
    /// Grade: the energy's, C at best.
    pub grade: Grade,
}

/// Energy per 万元 of output value or revenue; `value_wan` in 万元, of the same period and at comparable prices when years are
/// compared.
///
/// # Errors
/// No output value, or one below zero; an overflow.
pub fn per_value(energy: Rational, bounds: Bounds, grade: Grade, value_wan: Rational) -> Result<PerValue, EnergyError> {
    if value_wan <= Rational::ZERO {
        return Err(EnergyError::Zero("output value"));
    }
    let over = |amount: Rational| amount.over(value_wan).ok_or(EnergyError::TooLarge);
    let bounds = Bounds { lower: over(bounds.lower)?, upper: bounds.upper.map(over).transpose()? };
    Ok(PerValue { value: over(energy)?, bounds, grade: grade.max(Grade::C) })
}

/// A change of energy cost, in yuan: the parts add up to the whole exactly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CostChange {
    /// More or less energy, at the mean price before.
    pub energy: Rational,
    /// The same prices, other hours.
    pub hours: Rational,
    /// The same hours, other prices.
    pub prices: Rational,
    /// Cost after less cost before.
    pub total: Rational,
}

/// Takes a change of cost apart. `after_at_old_prices` is the energy after, allotted under the tariff before; `per_kwh` is how many
/// of the allotted units are one kWh.
///
/// # Errors
/// No energy before, two allotments of the energy after that differ in amount, an overflow.
pub fn cost_change(
    before: &Allotted,
    after: &Allotted,
    after_at_old_prices: &Allotted,
    per_kwh: i128,
) -> Result<CostChange, EnergyError> {
    if after.total() != after_at_old_prices.total() {
        let reason = "the energy after must be the same under both tariffs".to_owned();
        return Err(EnergyError::Data { file: "cost".to_owned(), reason });
    }
    let large = || EnergyError::TooLarge;
    let cost = |a: &Allotted| a.cost(per_kwh).ok_or_else(large);
    let kwh = |a: &Allotted| Rational::new(a.total(), per_kwh).ok_or_else(large);
    let (was, is, at_old) = (cost(before)?, cost(after)?, cost(after_at_old_prices)?);
    let mean = was.over(kwh(before)?).ok_or(EnergyError::Zero("the energy before"))?;
    let at_mean = kwh(after)?.times(mean).ok_or_else(large)?;
    let less = |a: Rational, b: Rational| a.minus(b).ok_or_else(large);
    Ok(CostChange {
        energy: less(at_mean, was)?,
        hours: less(at_old, at_mean)?,
        prices: less(is, at_old)?,
        total: less(is, was)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::energy::tariff::Tariff;
    use crate::interval::Interval;

    fn tariff(valley: &str, peak: &str) -> Tariff {
        Tariff::parse(&format!(
            r#"{{"id":"t@1","zone":"UTC","versions":[{{"from":"1970-01-01","days":[{{"months":[1,2,3,4,5,6,7,8,9,10,11,12],
                "weekdays":[1,2,3,4,5,6,7],"periods":[{{"from":"00:00","to":"12:00","name":"谷"}},{{"from":"12:00","to":"24:00","name":"峰"}}]}}],
                "prices":{{"谷":"{valley}","峰":"{peak}"}}}}]}}"#
        ))
        .unwrap()
    }

    fn use_of(valley: i128, peak: i128) -> [(Interval, i128); 2] {
        const HALF: i64 = 12 * 3_600_000;
        [(Interval::new(0, HALF), valley), (Interval::new(HALF, 2 * HALF), peak)]
    }

    #[test]
    fn moving_use_to_the_valley_saves_money_and_no_energy() {
        let old = tariff("0.3", "0.9");
        let (before, after) = (old.allot(use_of(100, 300)).unwrap(), old.allot(use_of(300, 100)).unwrap());
        let change = cost_change(&before, &after, &after, 1).unwrap();
        assert_eq!((change.energy, change.prices), (Rational::ZERO, Rational::ZERO));
        assert_eq!((change.hours, change.total), (Rational::integer(-120), Rational::integer(-120)));
    }

    #[test]
    fn energy_hours_and_prices_add_up() {
        let (old, new) = (tariff("0.3", "0.9"), tariff("0.2", "1.0"));
        let before = old.allot(use_of(100, 300)).unwrap();
        let later = use_of(200, 100);
        let (after, at_old) = (new.allot(later).unwrap(), old.allot(later).unwrap());
        let c = cost_change(&before, &after, &at_old, 1).unwrap();
        // Before 300 yuan for 400 kWh, 0.75; after 300 kWh: 225 at that price, 150 by old prices, 140 by new.
        assert_eq!([c.energy, c.hours, c.prices, c.total], [-75, -75, -10, -160].map(Rational::integer));
        assert!(cost_change(&before, &after, &before, 1).is_err(), "another amount of energy");
        assert!(cost_change(&Allotted::default(), &after, &at_old, 1).is_err());
    }

    #[test]
    fn a_figure_with_revenue_is_c_at_best() {
        let bounds = Bounds { lower: Rational::integer(90), upper: None };
        let per = |grade, wan| per_value(Rational::integer(100), bounds, grade, Rational::integer(wan));
        let p = per(Grade::A, 50).unwrap();
        assert_eq!((p.value, p.grade), (Rational::integer(2), Grade::C));
        assert_eq!((p.bounds.lower.digits(1), p.bounds.upper), ("1.8".to_owned(), None));
        assert_eq!(per(Grade::D, 50).unwrap().grade, Grade::D);
        assert!(per(Grade::A, 0).is_err() && per(Grade::A, -1).is_err());
    }
}
