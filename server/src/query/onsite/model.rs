//! What the page and the API show of an on-site check.

use metrics::onsite::Agreement;
use serde::Serialize;
use utoipa::ToSchema;

use crate::query::{SiteHead, Words};

/// The on-site checks of a site, and one of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct OnsiteView {
    /// Which site.
    pub site: SiteHead,
    /// Ids of all checks.
    pub checks: Vec<String>,
    /// The check that was asked for, else the one begun last.
    pub sheet: Option<OnsiteSheet>,
    /// Machines in force.
    pub machines: Vec<OnsiteMachine>,
    /// The reader may check.
    pub may_check: bool,
    /// The reader may confirm for the firm.
    pub may_confirm: bool,
    /// The reader may see photos.
    pub may_see_photos: bool,
    /// The server's clock, Unix ms.
    pub now_ms: i64,
}

/// A machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct OnsiteMachine {
    /// Its id.
    pub id: String,
    /// Its names.
    pub names: Words,
    /// How its state is told is declared.
    pub has_state: bool,
    /// It has an energy register that is read.
    pub has_energy: bool,
    /// A meter of a boundary: it is not drawn.
    pub is_boundary: bool,
}

/// The sheet of a check (现场核查单).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct OnsiteSheet {
    /// Id of the check.
    pub check: String,
    /// The body that checks.
    pub body: String,
    /// When it was begun, Unix ms.
    pub begun_ms: Option<i64>,
    /// Every draw that was asked for.
    pub draws: Vec<OnsiteDraw>,
    /// What was done and seen, in order of the log.
    pub acts: Vec<OnsiteAct>,
    /// Who confirmed what.
    pub confirmations: Vec<OnsiteConfirmation>,
    /// Last leaf of what there is to confirm: goes into a confirmation.
    pub through: i64,
    /// Digest of all of it, hex: goes into a confirmation.
    pub digest: String,
    /// Acts and draws that not both sides confirmed.
    pub unconfirmed: usize,
    /// Leaves of statements that count for nothing: their accounts cannot make them.
    pub void: Vec<i64>,
}

/// A draw.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct OnsiteDraw {
    /// Leaf that asked for it.
    pub leaf: i64,
    /// When, Unix ms.
    pub at_ms: i64,
    /// Who, by pseudonym.
    pub author: String,
    /// In which role.
    pub role: String,
    /// How many were asked for.
    pub wanted: i64,
    /// Machines there were to draw from.
    pub machines: Vec<String>,
    /// Those drawn, in order; absent until it is recorded.
    pub drawn: Option<Vec<String>>,
    /// Root of the tree that the seed comes from, hex.
    pub root: String,
}

/// Something done or seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct OnsiteAct {
    /// Its leaf.
    pub leaf: i64,
    /// When it was logged, Unix ms: of a press, when it was pressed.
    pub at_ms: i64,
    /// Who, by pseudonym.
    pub author: String,
    /// In which role.
    pub role: String,
    /// Machine id.
    pub machine: String,
    /// The machine was drawn.
    pub drawn: bool,
    /// `stop` or `start`, of a press.
    pub action: Option<String>,
    /// Of a meter's face.
    pub face: Option<OnsiteFaceView>,
    /// Of plates and seals.
    pub plate: Option<OnsitePlateView>,
    /// Leaf of the recorded result; absent until somebody records it.
    pub result_leaf: Option<i64>,
    /// Leaves the recorded result was computed over.
    pub size: Option<i64>,
    /// What the log shows of it: as recorded, else as of now.
    pub lines: Vec<OnsiteLine>,
    /// Why the log shows nothing yet.
    pub waiting: Option<Words>,
}

/// What a face showed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct OnsiteFaceView {
    /// The digits typed.
    pub value: String,
    /// `kWh` or `MWh`.
    pub unit: String,
    /// The face shows the register that is read.
    pub same_register: bool,
    /// SHA-256 of the photo, hex.
    pub photo: String,
    /// When it was taken, Unix ms.
    pub taken_ms: i64,
}

/// What stood on plates.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct OnsitePlateView {
    /// Serial number of the machine.
    pub serial: String,
    /// Serial number of the meter.
    pub meter_serial: String,
    /// Ratio of the current transformers, `200/5`.
    pub ct: Option<String>,
    /// Number of the seal.
    pub seal_number: String,
    /// Anything else.
    pub note: String,
}

/// Whether something agrees.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AgreementView {
    /// It does.
    Agrees,
    /// It does not.
    Differs,
    /// It cannot be told.
    Open,
}

impl From<Agreement> for AgreementView {
    fn from(of: Agreement) -> Self {
        match of {
            Agreement::Agrees => Self::Agrees,
            Agreement::Differs => Self::Differs,
            Agreement::Open => Self::Open,
        }
    }
}

/// A sentence about what the log shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct OnsiteLine {
    /// Whether it agrees with what was seen on site.
    pub agreement: AgreementView,
    /// The sentence.
    pub words: Words,
}

/// A confirmation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct OnsiteConfirmation {
    /// `checker` or `firm`.
    pub side: String,
    /// Its leaf.
    pub leaf: i64,
    /// When, Unix ms.
    pub at_ms: i64,
    /// Who, by pseudonym.
    pub author: String,
    /// In which role.
    pub role: String,
    /// Through which leaf.
    pub through: i64,
    /// Its digest is that of what the log holds.
    pub holds: bool,
    /// Nothing was stated afterwards.
    pub is_current: bool,
}
