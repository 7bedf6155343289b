//! Taking a leaf in: the rows it gives by itself, and which stretches of which machines it makes dirty.

use metrics::history::REACH_MS;
use metrics::interval::union;
use metrics::model::{Body, parse_body};
use metrics::{Interval, calendar};
use protocol::{Content, Declaration, Kind, Leaf, LeafBody};

use super::SiteProjector;
use crate::projection::ProjectionError;
use crate::store::{AlarmRow, DeclarationRow, ReportRow, SiteProjection};

impl SiteProjector {
    /// Takes note of a leaf: gateway status, alarms, statements, what became dirty. Returns its content.
    pub(super) fn note(
        &mut self,
        index: u64,
        leaf: &Leaf,
        out: &mut SiteProjection,
    ) -> Result<Option<Vec<u8>>, ProjectionError> {
        let number = i64::try_from(index).unwrap_or(i64::MAX);
        let content = match leaf.content_digest() {
            Some(digest) => self.source.content(&digest)?,
            None => None,
        };
        let alarm = |gateway: &str, kind: &str, detail: String| AlarmRow {
            leaf: number,
            gateway: gateway.to_owned(),
            kind: kind.to_owned(),
            at_ms: leaf.received_ms,
            detail,
        };
        match &leaf.body {
            LeafBody::Record { header, .. } => {
                let small = match (header.kind, &content) {
                    (Kind::Batch, _) | (_, None) => None,
                    (kind, Some(bytes)) => Content::decode(kind, bytes).ok(),
                };
                // Of a batch only what says how far back it reaches and when its tags were read; not while only the state is read again.
                let batch = match (header.kind, &content) {
                    (Kind::Batch, Some(bytes)) if self.live || self.seen_before.is_some() => {
                        Content::decode(header.kind, bytes).ok()
                    }
                    _ => None,
                };
                let track = self.gateways.entry(header.gateway.to_string()).or_default();
                let newest_ms = track.observed_ms();
                let mut touched = track.record(header, leaf.received_ms, small.as_ref());
                if let Some(Content::Batch(batch)) = &batch {
                    touched.windows.extend(track.reaches_back(header, batch));
                    track.seen(header, batch, leaf.received_ms, &mut out.seen);
                }
                out.alarms.extend(track.alarms(number, header, leaf.received_ms, newest_ms, small.as_ref()));
                if let Some(own) = touched.own {
                    self.days.touch(own, index);
                }
                if !touched.windows.is_empty() {
                    self.mark_gateway(header.gateway.as_str(), &touched.windows);
                }
            }
            LeafBody::Declaration { kind, .. } => {
                if let Some(declaration) = content.as_deref().and_then(|bytes| Declaration::decode(bytes).ok()) {
                    self.mark_statement(&declaration);
                    note_declaration(number, leaf.received_ms, &declaration, out);
                } else {
                    tracing::warn!(leaf = index, kind, "the content of a declaration is not held");
                }
            }
            LeafBody::Quarantine { header, .. } => {
                self.quarantined += 1;
                out.alarms.push(alarm(header.gateway.as_str(), "clone", format!("{}", header.sequence)));
            }
            LeafBody::Epoch { old_size, restored_size, .. } => {
                self.epochs += 1;
                out.alarms.push(alarm("", "epoch", format!("{old_size} → {restored_size}")));
            }
        }
        Ok(content)
    }

    /// Windows of every machine that reads this gateway.
    fn mark_gateway(&mut self, gateway: &str, windows: &[Interval]) {
        let statements = self.recent.statements();
        let reads = |machine: &&str| {
            let definitions = statements.machine_definitions(machine);
            definitions.iter().flat_map(|d| d.body.signals.all()).any(|(_, signal)| signal.gateway == gateway)
        };
        let machines: Vec<String> = statements.machines().filter(reads).map(str::to_owned).collect();
        for machine in machines {
            self.mark(&machine, windows);
        }
    }

    /// What a statement changes: a machine from a moment on, a shift, or everything; of a meter or a bill only the bills' rows.
    fn mark_statement(&mut self, declaration: &Declaration) {
        let body = &declaration.body;
        // Two days before: the shifts of a date whose middle lies after that moment, in any zone.
        let from = Interval::new(declaration.effective_from.saturating_sub(2 * REACH_MS), i64::MAX);
        let always = Interval::new(i64::MIN, i64::MAX);
        match (declaration.kind.as_str(), body["machine"].as_str()) {
            ("site" | "calendar", _) => {
                let machines: Vec<String> = self.recent.statements().machines().map(str::to_owned).collect();
                let from = if declaration.kind == "site" { always } else { from };
                for machine in machines {
                    self.mark(&machine, &[from]);
                }
            }
            ("machine", Some(machine)) => {
                // The first definition also tells by which calendar shifts before it went.
                let first = self.recent.statements().machine_definitions(machine).first();
                let is_first = first.is_none_or(|first| declaration.effective_from < first.effective_from);
                self.mark(machine, &[if is_first { always } else { from }]);
            }
            ("cycle_time" | "recipe", Some(machine)) => self.mark(machine, &[from]),
            ("batch", Some(machine)) => {
                // Where the batch lies now, and where it lay before a correction.
                let number = body["batch"].as_str().unwrap_or_default();
                let stated = self.recent.statements().batch_statements(machine, number);
                let mut spans: Vec<Interval> = stated.iter().map(|s| s.body.reach()).collect();
                if let Ok(Body::Batch(batch)) = parse_body("batch", body) {
                    spans.push(batch.reach());
                }
                self.mark(machine, &spans);
            }
            ("planned_stop", Some(machine)) => {
                let at = |name: &str| body[name].as_i64();
                if let Some((from_ms, to_ms)) = at("from_ms").zip(at("to_ms")) {
                    self.mark(machine, &[Interval::new(from_ms, to_ms)]);
                }
            }
            ("meter_replaced", Some(machine)) => {
                if let Some(at_ms) = body["at_ms"].as_i64() {
                    let around = Interval::new(at_ms.saturating_sub(REACH_MS), at_ms.saturating_add(REACH_MS));
                    self.mark(machine, &[around]);
                }
            }
            // Another name plate, and another bill of the same days: neither moves a shift.
            ("meter", Some(machine)) if self.live => self.bills.touch(machine, &[from]),
            ("bill", _) if self.live => {
                let days = parse_body("bill", body).ok().and_then(|body| match body {
                    Body::Bill(bill) => bill.period("UTC"),
                    _ => None,
                });
                // A day more at either end: in any zone.
                let days = days.map(|d| Interval::new(d.from_ms - REACH_MS, d.to_ms + REACH_MS));
                for machine in self.recent.statements().machines() {
                    self.bills.touch(machine, days.as_slice());
                }
            }
            ("quality_count", Some(machine)) => {
                let date = body["date"].as_str().and_then(calendar::parse_date);
                if let Some(day) = date.map(around_date) {
                    self.mark(machine, &[day]);
                }
            }
            // Values from before a gateway was enrolled say so.
            ("gateway_enrolled", _) => {
                if let Some(gateway) = body["gateway"].as_str().map(str::to_owned) {
                    self.mark_gateway(&gateway, &[always]);
                }
            }
            _ => {}
        }
    }

    pub(super) fn mark(&mut self, machine: &str, windows: &[Interval]) {
        if self.live {
            self.bills.touch(machine, windows);
        }
        let list = self.dirty.entry(machine.to_owned()).or_default();
        list.extend_from_slice(windows);
        if list.len() > 1 {
            *list = union(std::mem::take(list));
        }
    }
}

/// Rows that a declaration gives by itself.
fn note_declaration(leaf: i64, received_ms: i64, declaration: &Declaration, out: &mut SiteProjection) {
    let body = protocol::canonical_json(&declaration.body).unwrap_or_default();
    out.declarations.push(DeclarationRow {
        leaf,
        kind: declaration.kind.clone(),
        received_ms,
        effective_ms: Some(declaration.effective_from),
        author: declaration.author.clone(),
        role: declaration.role.clone(),
        reason: declaration.reason.clone(),
        body: String::from_utf8(body).unwrap_or_default(),
    });
    if declaration.kind == crate::reporting::REPORT_ISSUED {
        let body = &declaration.body;
        let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
        out.reports.push(ReportRow {
            leaf,
            issued_ms: received_ms,
            prefix: body["size"].as_i64().unwrap_or_default(),
            plan: text("plan"),
            digest: text("report"),
            author: declaration.author.clone(),
            bundle: Some(text("bundle")).filter(|name| !name.is_empty()),
        });
    }
}

/// Three days around a production date: every shift that starts on it, in any zone.
fn around_date(date: jiff::civil::Date) -> Interval {
    let midnight = date.to_zoned(jiff::tz::TimeZone::UTC).map_or(0, |zoned| zoned.timestamp().as_millisecond());
    Interval::new(midnight.saturating_sub(REACH_MS), midnight.saturating_add(3 * REACH_MS))
}
