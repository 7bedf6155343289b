//! On-site checks (现场核查): the sheet of a check as the log has it, and of what was not recorded yet, what the log shows now.
//!
//! Nothing here states anything: what the log shows of an act is recorded only when somebody says so (`crate::planning`). What is shown before is
//! computed by the same function over the leaves of this moment.

mod model;

use std::collections::BTreeMap;

use metrics::model::MachineRole;
use metrics::onsite::{self, Act, Agreement, Drawing, Entry, Found, Seen, Sheet, Side};
use metrics::report::Words;
use metrics::statements::Statements;
use protocol::SiteId;

pub use self::model::{
    AgreementView, OnsiteAct, OnsiteConfirmation, OnsiteDraw, OnsiteFaceView, OnsiteLine, OnsiteMachine,
    OnsitePlateView, OnsiteSheet, OnsiteView,
};
use super::{QueryError, SiteHead, off_thread, visible};
use crate::reporting::{self, ReportingError};
use crate::roles::{Access, Permission};
use crate::sitelog::SiteLogs;
use crate::store::Store;

/// The checks of a site, and the sheet of one: the newest by default.
pub async fn onsite(
    store: &Store,
    logs: &SiteLogs,
    access: &Access,
    site: &str,
    wanted: Option<&str>,
    now_ms: i64,
) -> Result<OnsiteView, QueryError> {
    let row = visible(store, access, Permission::SeeFigures, site).await?;
    let may_check = access.allows(Permission::CheckOnSite, &row);
    let may_confirm = access.acts_as("firm", Permission::Declare, &row);
    let may_see_photos = may_check || access.allows(Permission::SeeRaw, &row);
    let head = SiteHead::from(row);
    let id: SiteId = site.parse().map_err(|_| QueryError::NotFound)?;
    let (logs, wanted) = (logs.clone(), wanted.filter(|w| !w.is_empty()).map(str::to_owned));
    let found = off_thread(move || read(&logs, &id, wanted.as_deref(), now_ms)).await?;
    let (checks, sheet, machines) = found.ok_or(QueryError::NotFound)?;
    Ok(OnsiteView { site: head, checks, sheet, machines, may_check, may_confirm, may_see_photos, now_ms })
}

type Read = (Vec<String>, Option<OnsiteSheet>, Vec<OnsiteMachine>);

/// `None` when the wanted check is not there.
fn read(logs: &SiteLogs, site: &SiteId, wanted: Option<&str>, now_ms: i64) -> Result<Option<Read>, ReportingError> {
    let size = logs.size(site)?;
    let statements = reporting::statements(logs, site)?;
    let sheets = onsite::results(&statements);
    // The one begun last is the one somebody is standing in.
    let begun = |s: &&Sheet<'_>| s.draws.first().map(|d| d.entry.leaf);
    let newest = sheets.iter().max_by_key(begun).map(|s| s.check);
    let sheet = match wanted.or(newest) {
        Some(check) => match sheets.iter().find(|s| s.check == check) {
            Some(sheet) => Some(Reader { logs, site, statements: &statements, size }.sheet(sheet)?),
            None => return Ok(None),
        },
        None => None,
    };
    let checks = sheets.iter().map(|s| s.check.to_owned()).collect();
    Ok(Some((checks, sheet, machines(&statements, now_ms))))
}

fn machines(statements: &Statements, now_ms: i64) -> Vec<OnsiteMachine> {
    let of = |id: &str| {
        let machine = &statements.machine_at(id, now_ms)?.body;
        Some(OnsiteMachine {
            id: id.to_owned(),
            names: Words { zh: machine.names.zh.clone(), en: machine.names.en.clone() },
            has_state: machine.state_rule.is_some(),
            has_energy: machine.signals.energy.is_some(),
            is_boundary: machine.role == MachineRole::Meter,
        })
    };
    statements.machines().filter_map(of).collect()
}

struct Reader<'r> {
    logs: &'r SiteLogs,
    site: &'r SiteId,
    statements: &'r Statements,
    size: u64,
}

impl Reader<'_> {
    fn sheet(&self, sheet: &Sheet<'_>) -> Result<OnsiteSheet, ReportingError> {
        let shown = self.shown(sheet)?;
        let begun = sheet.draws.first();
        Ok(OnsiteSheet {
            check: sheet.check.to_owned(),
            body: begun.map_or_else(String::new, |d| d.asked.body.clone()),
            begun_ms: begun.map(|d| d.entry.received_ms),
            draws: sheet.draws.iter().map(draw).collect(),
            acts: sheet.seen.iter().map(|seen| self.act(seen, &shown)).collect(),
            confirmations: sheet
                .confirmations
                .iter()
                .map(|c| OnsiteConfirmation {
                    side: match c.side {
                        Side::Checker => "checker",
                        Side::Firm => "firm",
                    }
                    .to_owned(),
                    leaf: leaf(c.entry.leaf),
                    at_ms: c.entry.received_ms,
                    author: c.entry.author.clone(),
                    role: c.entry.role.clone(),
                    through: leaf(c.through),
                    holds: c.holds,
                    is_current: c.is_current,
                })
                .collect(),
            through: leaf(sheet.through),
            digest: sheet.digest.hex(),
            unconfirmed: sheet.unconfirmed(),
            void: sheet.void.iter().map(|l| leaf(*l)).collect(),
        })
    }

    /// What the log shows now of acts without a recorded result.
    fn shown(&self, sheet: &Sheet<'_>) -> Result<BTreeMap<u64, Result<Found, Words>>, ReportingError> {
        let open: Vec<u64> = sheet.seen.iter().filter(|s| s.result.is_none()).map(|s| s.entry.leaf).collect();
        let windows: Vec<_> = open.iter().filter_map(|of| onsite::window(self.statements, sheet.check, *of)).collect();
        if windows.is_empty() {
            return Ok(BTreeMap::new());
        }
        let history = reporting::history_over(self.logs, self.site, self.size, &windows)?;
        let zone = self.statements.site().map_or("UTC", |site| &site.zone);
        let of = |of: u64| (of, onsite::evaluate(&history, sheet.check, of).map_err(|why| why.words(zone)));
        Ok(open.into_iter().map(of).collect())
    }

    fn name(&self, machine: &str) -> Words {
        let names = self.statements.machine_definitions(machine).last().map(|m| &m.body.names);
        let named = names.filter(|n| !n.zh.is_empty() && !n.en.is_empty());
        named.map_or_else(|| (machine, machine).into(), |n| Words { zh: n.zh.clone(), en: n.en.clone() })
    }

    fn act(&self, seen: &Seen<'_>, shown: &BTreeMap<u64, Result<Found, Words>>) -> OnsiteAct {
        let entry = seen.entry;
        let now = shown.get(&entry.leaf);
        let found = seen.result.map(|(_, found)| found).or_else(|| now?.as_ref().ok());
        let line = |(agreement, words): (Agreement, Words)| OnsiteLine { agreement: agreement.into(), words };
        let name = |machine: &str| self.name(machine);
        let recorded = |of: &Entry| {
            let size = self.statements.onsite(entry.act.check()).iter().find_map(|e| match &e.act {
                Act::Result(r) if r.of == of.leaf => r.size,
                _ => None,
            });
            size.map(leaf)
        };
        let mut act = OnsiteAct {
            leaf: leaf(entry.leaf),
            at_ms: entry.received_ms,
            author: entry.author.clone(),
            role: entry.role.clone(),
            machine: entry.act.machine().unwrap_or_default().to_owned(),
            drawn: seen.is_drawn,
            action: None,
            face: None,
            plate: None,
            result_leaf: seen.result.map(|(of, _)| leaf(of)),
            size: recorded(entry),
            lines: found.map(|f| f.lines(&entry.act, &name).into_iter().map(line).collect()).unwrap_or_default(),
            waiting: now.and_then(|n| n.as_ref().err().cloned()),
        };
        match &entry.act {
            Act::Press(press) => {
                act.action = Some(
                    match press.action {
                        onsite::Action::Stop => "stop",
                        onsite::Action::Start => "start",
                    }
                    .to_owned(),
                );
            }
            Act::Face(face) => {
                act.face = Some(OnsiteFaceView {
                    value: face.value.clone(),
                    unit: face.unit.clone(),
                    same_register: face.same_register,
                    photo: face.photo.digest.clone(),
                    taken_ms: face.photo.taken_ms,
                });
            }
            Act::Plate(plate) => {
                act.plate = Some(OnsitePlateView {
                    serial: plate.serial.clone(),
                    meter_serial: plate.meter_serial.clone(),
                    ct: plate.ct.map(|ct| format!("{}/{}", ct.primary, ct.secondary)),
                    seal_number: plate.seal_number.clone(),
                    note: plate.note.clone(),
                });
            }
            Act::Check(_) | Act::Result(_) | Act::Confirmed(_) => {}
        }
        act
    }
}

fn draw(of: &Drawing<'_>) -> OnsiteDraw {
    OnsiteDraw {
        leaf: leaf(of.entry.leaf),
        at_ms: of.entry.received_ms,
        author: of.entry.author.clone(),
        role: of.entry.role.clone(),
        wanted: of.asked.wanted,
        machines: of.draw.map(|d| d.machines.clone()).unwrap_or_default(),
        drawn: of.draw.map(|d| d.drawn.clone()),
        root: of.draw.map(|d| d.root.clone()).unwrap_or_default(),
    }
}

fn leaf(leaf: u64) -> i64 {
    i64::try_from(leaf).unwrap_or(i64::MAX)
}
