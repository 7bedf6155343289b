//! Limits of error by accuracy class, as versioned data.
//!
//! Constraints: limits are decimals of a percent, exact; a class that is not in the table has no limit, it is never guessed from
//! its name. A limit holds at rated load; the wider one at low load is a number of its own, and a table may not know it.

use serde::{Deserialize, Serialize};

use crate::energy::EnergyError;
use crate::energy::factors::Sourced;
use crate::exact::Rational;
use crate::model::Names;

/// What an accuracy class is a class of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Device {
    /// 电能表.
    Meter,
    /// 电流互感器.
    Ct,
    /// 电压互感器.
    Pt,
}

impl Device {
    /// Chinese and English.
    pub const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Meter => ("电能表", "meter"),
            Self::Ct => ("电流互感器", "current transformer"),
            Self::Pt => ("电压互感器", "voltage transformer"),
        }
    }
}

/// At which load the limits are taken.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Loading {
    /// Around rated current, where the limit is the class index.
    #[default]
    Rated,
    /// Anywhere in the range for which the standard sets limits.
    Low,
}

/// One class of one kind of device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Class {
    /// Meter, CT or PT.
    pub device: Device,
    /// The mark on the name plate, e.g. `0.5S` or `B`.
    pub class: String,
    /// Relative limit of error at rated load, e.g. 1/200 for 0.5 %.
    pub rated: Rational,
    /// Relative limit at low load, if the table knows it.
    pub low: Option<Rational>,
    /// Limit of phase displacement at rated load, minutes of arc; transformers only.
    pub minutes: Option<Rational>,
    /// The same at low load.
    pub minutes_low: Option<Rational>,
    /// Standard.
    pub standard: String,
    /// How well sourced the row is.
    pub sourced: Sourced,
    /// What a reader must know.
    pub remark: String,
}

impl Class {
    /// Relative limit of error at a load.
    pub const fn limit(&self, loading: Loading) -> Option<Rational> {
        match loading {
            Loading::Rated => Some(self.rated),
            Loading::Low => self.low,
        }
    }

    /// Limit of phase displacement at a load, minutes of arc.
    pub const fn displacement(&self, loading: Loading) -> Option<Rational> {
        match loading {
            Loading::Rated => self.minutes,
            Loading::Low => self.minutes_low,
        }
    }
}

/// Classes of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClassTable {
    /// `name@version`.
    pub id: String,
    /// Names.
    pub names: Names,
    /// Where the limits come from.
    pub source: String,
    /// Classes.
    pub classes: Vec<Class>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTable {
    id: String,
    names: Names,
    source: String,
    classes: Vec<RawClass>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawClass {
    device: Device,
    class: String,
    percent: String,
    percent_low_load: Option<String>,
    minutes: Option<String>,
    minutes_low_load: Option<String>,
    standard: String,
    sourced: Sourced,
    remark: String,
}

const SIZE_MAX: usize = 256 * 1024;

/// The table delivered with the program.
pub const DELIVERED: &str = include_str!("../../data/classes/electricity-1.json");

impl ClassTable {
    /// Reads a table.
    ///
    /// # Errors
    /// Another shape, a limit that is no decimal in (0, 20] percent or (0, 600] minutes, a low-load limit narrower than the one at
    /// rated load, a class twice.
    pub fn parse(json: &str) -> Result<Self, EnergyError> {
        let bad = |reason: String| EnergyError::Data { file: "accuracy classes".to_owned(), reason };
        if json.len() > SIZE_MAX {
            return Err(bad(format!("at most {SIZE_MAX} bytes")));
        }
        let raw: RawTable = serde_json::from_str(json).map_err(|e| bad(e.to_string()))?;
        let mut classes: Vec<Class> = Vec::with_capacity(raw.classes.len());
        for row in raw.classes {
            let class = row.read().map_err(bad)?;
            if classes.iter().any(|c| (c.device, &c.class) == (class.device, &class.class)) {
                return Err(bad(format!("class {} of a {} is there twice", class.class, class.device.words().1)));
            }
            classes.push(class);
        }
        Ok(Self { id: raw.id, names: raw.names, source: raw.source, classes })
    }

    /// The class with this mark.
    pub fn get(&self, device: Device, class: &str) -> Option<&Class> {
        self.classes.iter().find(|c| c.device == device && c.class == class)
    }
}

impl RawClass {
    fn read(self) -> Result<Class, String> {
        let decimal = |text: &str, most: i128| {
            let value = Rational::parse(text).filter(|v| *v > Rational::ZERO && *v <= Rational::integer(most));
            value.ok_or_else(|| format!("class {}: `{text}` must be a decimal above 0, at most {most}", self.class))
        };
        let relative = |text: &str| {
            let percent = decimal(text, 20)?;
            percent.over(Rational::integer(100)).ok_or_else(|| format!("class {}: `{text}`", self.class))
        };
        let maybe = |text: &Option<String>, read: &dyn Fn(&str) -> Result<Rational, String>| {
            text.as_deref().map(read).transpose()
        };
        let (rated, low) = (relative(&self.percent)?, maybe(&self.percent_low_load, &relative)?);
        let minutes = |text: &str| decimal(text, 600);
        let (turn, turn_low) = (maybe(&self.minutes, &minutes)?, maybe(&self.minutes_low_load, &minutes)?);
        if low.is_some_and(|l| l < rated) || turn.zip(turn_low).is_some_and(|(r, l)| l < r) {
            return Err(format!("class {}: the limit at low load is narrower than at rated load", self.class));
        }
        Ok(Class {
            device: self.device,
            class: self.class,
            rated,
            low,
            minutes: turn,
            minutes_low: turn_low,
            standard: self.standard,
            sourced: self.sourced,
            remark: self.remark,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_delivered_table_parses_and_says_how_well_it_is_sourced() {
        let table = ClassTable::parse(DELIVERED).unwrap();
        assert!(table.id.ends_with("@1") && !table.source.is_empty());
        let b = table.get(Device::Meter, "B").unwrap();
        assert_eq!((b.rated, b.low.unwrap().digits(3)), (Rational::new(1, 100).unwrap(), "0.018".to_owned()));
        assert_eq!(table.get(Device::Ct, "0.2S").unwrap().minutes, Some(Rational::integer(10)));
        assert!(table.get(Device::Meter, "0.2s").is_none() && table.get(Device::Pt, "0.2S").is_none());
        assert!(table.classes.iter().all(|c| !c.standard.is_empty() && c.sourced == Sourced::Unverified));
        // The mark's number is the limit at rated load, where the mark has one.
        for class in &table.classes {
            if let Some(percent) = Rational::parse(class.class.trim_end_matches('S')) {
                assert_eq!(class.rated.times(Rational::integer(100)), Some(percent), "{}", class.class);
            }
        }
    }

    #[test]
    fn nonsense_limits_are_refused() {
        let table = |percent: &str, low: &str, again: bool| {
            let row = format!(
                r#"{{"device":"meter","class":"1","percent":"{percent}","percent_low_load":"{low}","standard":"s","sourced":"unverified","remark":""}}"#
            );
            let rows = if again { format!("{row},{row}") } else { row };
            ClassTable::parse(&format!(
                r#"{{"id":"x@1","names":{{"zh":"x","en":"x"}},"source":"x","classes":[{rows}]}}"#
            ))
        };
        assert!(table("1.0", "1.5", false).is_ok());
        assert!(table("1.0", "1.5", true).is_err(), "twice");
        assert!(table("1.5", "1.0", false).is_err(), "narrower at low load");
        for bad in ["0", "-1", "20.1", "1e0", ""] {
            assert!(table(bad, "20", false).is_err(), "{bad}");
        }
    }
}
