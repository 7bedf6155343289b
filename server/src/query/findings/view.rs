//! The shapes of the matters to verify: what the page and an API answer consist of. Data only; the parent has the rules.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::query::{NamedMachine, SiteHead, Words};

/// A stretch of time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Stretch {
    /// First instant.
    pub from_ms: i64,
    /// First instant after.
    pub until_ms: i64,
}

/// A signal that was compared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SignalView {
    /// What it is for the machine: `power`, `good`, …
    pub role: String,
    /// Gateway.
    pub gateway: String,
    /// Tag.
    pub tag: String,
}

/// A number behind a finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct QuantityView {
    /// What it is.
    pub names: Words,
    /// Decimal digits.
    pub value: String,
    /// Unit; `1` for counts and ratios.
    pub unit: String,
}

/// A raw reading with its place in the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SampleView {
    /// Which of the signals.
    pub role: String,
    /// When.
    pub at_ms: i64,
    /// The stored value: as read, ×10⁶ for floats, the text itself for texts.
    pub raw: String,
    /// Leaf of the record it came in.
    pub leaf: i64,
}

/// A number a detector decides by. It is part of the detector's version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DetectorParameter {
    /// What it is.
    pub name: String,
    /// Its value.
    pub value: i64,
    /// Unit; `1` for counts and ratios.
    pub unit: String,
}

/// How often a detector speaks on honest simulated plants.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HonestRate {
    /// Machine-weeks with a finding.
    pub found: u64,
    /// Machine-weeks it could examine.
    pub examined: u64,
    /// Lower end of Wilson's 95 % interval, six decimals.
    pub lower: String,
    /// Upper end.
    pub upper: String,
}

/// The detector behind a finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DetectorView {
    /// `name@version`, also its id in the catalogue.
    pub id: String,
    /// Its names.
    pub names: Words,
    /// What is compared with what.
    pub compares: Words,
    /// When it speaks.
    pub rule: String,
    /// What it decides by.
    pub parameters: Vec<DetectorParameter>,
    /// Measured on honest plants; none when it was not measured.
    pub honest: Option<HonestRate>,
}

/// Who took a step, and where the log says so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StepView {
    /// Leaf.
    pub leaf: i64,
    /// When the server logged it.
    pub at_ms: i64,
    /// Pseudonym.
    pub author: String,
    /// Role acted in.
    pub role: String,
}

/// What the factory says of a finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ExplanationView {
    /// Who, when and where in the log.
    pub step: StepView,
    /// The explanation.
    pub text: String,
    /// SHA-256 of a document kept elsewhere.
    pub document: Option<String>,
}

/// A matter to verify (待核实事项). It accuses nobody, corrects nothing and moves no number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FindingView {
    /// Its key: what an acknowledgement or explanation names.
    pub key: String,
    /// Detector.
    pub detector: DetectorView,
    /// Machine.
    pub machine: String,
    /// First instant; with detector and machine it gives the key.
    pub from_ms: i64,
    /// What the record says, neutrally.
    pub says: Words,
    /// What to check on site.
    pub on_site: Words,
    /// `first`, `soon` or `routine`: it orders work and weighs nobody.
    pub need: String,
    /// Stretches it speaks of.
    pub stretches: Vec<Stretch>,
    /// Stretches beyond those.
    pub stretches_left_out: i64,
    /// Signals compared.
    pub signals: Vec<SignalView>,
    /// Numbers.
    pub quantities: Vec<QuantityView>,
    /// A few raw readings; none for who may not see raw readings.
    pub samples: Vec<SampleView>,
    /// The factory was first shown it.
    pub shown: Option<StepView>,
    /// The factory first said that it has seen it.
    pub acknowledged: Option<StepView>,
    /// What the factory says of it, in order of the log.
    pub explanations: Vec<ExplanationView>,
    /// From when others may see it; none while the factory has not been shown it.
    pub release_ms: Option<i64>,
    /// Why then.
    pub release_reason: Words,
    /// Others may see it now.
    pub released: bool,
}

/// A check that was made and found nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ClearView {
    /// Detector.
    pub detector: String,
    /// Its names.
    pub names: Words,
    /// Machines it examined.
    pub machines: Vec<String>,
}

/// A check that was not possible.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UncheckedView {
    /// Detector.
    pub detector: String,
    /// Its names.
    pub names: Words,
    /// Machine.
    pub machine: String,
    /// First instant.
    pub from_ms: i64,
    /// First instant after.
    pub until_ms: i64,
    /// Why not.
    pub reason: Words,
}

/// Findings the reader may not see yet: how many, never which.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Withheld {
    /// The factory has been shown these.
    pub with_factory: i64,
    /// The last of those is shown to others at this instant at the latest.
    pub until_ms: Option<i64>,
    /// Nobody of the factory has been shown these.
    pub not_shown: i64,
}

/// Where the false-positive rates come from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HonestPlants {
    /// `name@version` of the measurement.
    pub id: String,
    /// What was simulated.
    pub simulation: Words,
    /// Plants.
    pub plants: u64,
    /// Weeks of each.
    pub weeks: u64,
}

/// The matters to verify of a site in a week.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FindingsView {
    /// The site.
    pub site: SiteHead,
    /// Monday.
    pub week: String,
    /// Sunday.
    pub last: String,
    /// The Monday after, if that week is over too.
    pub next: Option<String>,
    /// The Monday before.
    pub previous: String,
    /// First instant.
    pub from_ms: i64,
    /// First instant after.
    pub until_ms: i64,
    /// Leaves of the log it was examined from.
    pub prefix: i64,
    /// The reader may speak for the factory: sees every finding, and is logged as having been shown them.
    pub may_answer: bool,
    /// Days after which others see a finding whatever the factory did.
    pub days: i64,
    /// The machines of the site, by identifier.
    pub machines: Vec<NamedMachine>,
    /// The findings, those first that need to be verified most.
    pub findings: Vec<FindingView>,
    /// Findings of one detector on one machine beyond what is listed.
    pub left_out: i64,
    /// What the reader may not see yet.
    pub withheld: Withheld,
    /// Checks that were made, whatever they found.
    pub checks: i64,
    /// Those that found nothing; empty while something is withheld, because what is missing here would tell what it is.
    pub clear: Vec<ClearView>,
    /// Checks that were not possible.
    pub unchecked: Vec<UncheckedView>,
    /// Time that was not examined because definitions changed too often, milliseconds.
    pub unexamined_ms: i64,
    /// Where the false-positive rates come from.
    pub honest: HonestPlants,
}
