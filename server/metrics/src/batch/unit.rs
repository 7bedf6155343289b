//! Units of output. Tonnes are kilograms; nothing else turns into anything else.

use serde::{Deserialize, Serialize};

/// The unit of an amount as people state it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Unit {
    /// Pieces.
    #[serde(rename = "pcs")]
    Pieces,
    /// Kilograms.
    #[serde(rename = "kg")]
    Kilograms,
    /// Tonnes: 1,000 kilograms.
    #[serde(rename = "t")]
    Tonnes,
    /// Metres.
    #[serde(rename = "m")]
    Metres,
    /// Litres.
    #[serde(rename = "L")]
    Litres,
}

impl Unit {
    /// The unit that sums are kept in, and how many of them this one is.
    pub const fn base(self) -> (Self, i64) {
        match self {
            Self::Tonnes => (Self::Kilograms, 1000),
            other => (other, 1),
        }
    }

    /// The symbol.
    pub const fn symbol(self) -> &'static str {
        match self {
            Self::Pieces => "pcs",
            Self::Kilograms => "kg",
            Self::Tonnes => "t",
            Self::Metres => "m",
            Self::Litres => "L",
        }
    }

    /// The unit a tag of a gateway names; `None` when it names none of these.
    pub fn of_tag(unit: &str) -> Option<Self> {
        match unit {
            "pcs" | "件" | "个" => Some(Self::Pieces),
            "kg" => Some(Self::Kilograms),
            "t" => Some(Self::Tonnes),
            "m" => Some(Self::Metres),
            "L" | "l" => Some(Self::Litres),
            _ => None,
        }
    }
}

/// What the amounts of a sum are amounts of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    /// All in this base unit.
    Only(Unit),
    /// Of different units: the amounts mean nothing together, their planned time does.
    Mixed,
}

impl Default for Measure {
    fn default() -> Self {
        Self::Only(Unit::Pieces)
    }
}

impl Measure {
    /// The measure of two sums together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        if self == other { self } else { Self::Mixed }
    }

    /// The symbol of the unit; `None` when there is none in common.
    pub const fn symbol(self) -> Option<&'static str> {
        match self {
            Self::Only(unit) => Some(unit.symbol()),
            Self::Mixed => None,
        }
    }
}

/// An amount in millionths of its unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Amount {
    /// Millionths of the unit.
    pub micro: i64,
    /// The unit.
    pub unit: Unit,
}

impl Amount {
    /// The base unit, and the amount in millionths of it.
    pub fn in_base(self) -> (Unit, i128) {
        let (base, factor) = self.unit.base();
        (base, i128::from(self.micro) * i128::from(factor))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tonnes_are_kilograms_and_nothing_else_mixes() {
        let tonne = Amount { micro: 1_500_000, unit: Unit::Tonnes };
        assert_eq!(tonne.in_base(), (Unit::Kilograms, 1_500_000_000));
        let (kg, litres) = (Measure::Only(Unit::Kilograms), Measure::Only(Unit::Litres));
        assert_eq!((kg.and(kg), kg.and(litres), Measure::Mixed.and(kg)), (kg, Measure::Mixed, Measure::Mixed));
        assert_eq!((kg.symbol(), Measure::Mixed.symbol()), (Some("kg"), None));
        assert_eq!((Unit::of_tag("l"), Unit::of_tag("kWh"), Unit::of_tag("")), (Some(Unit::Litres), None, None));
    }
}
