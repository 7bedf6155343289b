//! Who sees a matter when, and what the log says of it: on a server inside, with a clock that is moved.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use super::*;
use crate::admin;
use crate::projection::tests::fixture::{HOUR, MONDAY};
use crate::state::Clock;
use crate::testing::{Inside, inside_at, standing_still};

const DAY: i64 = 24 * HOUR;

struct Case {
    inside: Inside,
    now: Arc<AtomicI64>,
}

impl Case {
    async fn new() -> Self {
        let now = Arc::new(AtomicI64::new(MONDAY + 8 * DAY));
        let told = Arc::clone(&now);
        let inside = inside_at(Clock::new(move || told.load(Ordering::SeqCst))).await;
        inside.factory(&standing_still()).await;
        inside.projected().await;
        Self { inside, now }
    }

    fn wait(&self, ms: i64) {
        self.now.fetch_add(ms, Ordering::SeqCst);
    }

    async fn access(&self, role: &str) -> Access {
        let add = admin::Request::UserAdd {
            name: role.into(),
            password: Some("a good password".into()),
            role: role.into(),
            scope: "site:demo".into(),
            from: None,
            until: None,
        };
        // Whoever is there already signs in again.
        let _ = admin::execute(&self.inside.context, add).await;
        let (accounts, now_ms) = (&self.inside.state.accounts, self.now.load(Ordering::SeqCst));
        let session = accounts.sign_in(role, "a good password", "::1", now_ms).await.expect("signed in");
        accounts.session(&session.token, now_ms).await.expect("accounts").expect("a session").access
    }

    async fn see(&self, role: &str) -> FindingsView {
        let access = self.access(role).await;
        let state = &self.inside.state;
        let now_ms = self.now.load(Ordering::SeqCst);
        findings(&state.store, &state.logs, &access, "demo", Some("2026-03-04"), now_ms).await.expect("answered")
    }

    fn shown(&self) -> usize {
        let (logs, site) = (&self.inside.context.logs, Inside::site());
        let leaves = logs.leaves(&site, 0..logs.size(&site).unwrap()).unwrap();
        let is_shown =
            |l: &&protocol::Leaf| matches!(&l.body, LeafBody::Declaration { kind, .. } if kind == FINDING_SHOWN);
        leaves.iter().filter(is_shown).count()
    }

    /// States something of the first finding, as the API and the page do.
    async fn state(&self, kind: &str, view: &FindingView, text: Option<&str>) {
        let mut body = serde_json::json!({"finding": view.key, "detector": view.detector.id, "machine": view.machine, "from_ms": view.from_ms});
        if let Some(text) = text {
            body["text"] = text.into();
        }
        let statement =
            crate::api::Statement { kind: kind.into(), effective_from_ms: Some(0), reason: "t".into(), body };
        let access = self.access("firm").await;
        crate::api::state_it(&self.inside.state, &access, "demo", statement).await.expect("stated");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_factory_sees_a_matter_first_and_is_logged_once_as_shown_it() {
    let case = Case::new().await;
    let assessor = case.see("assessor").await;
    let found = assessor.withheld.not_shown;
    assert!(found > 0 && assessor.findings.is_empty() && !assessor.may_answer, "{assessor:?}");
    assert_eq!((assessor.withheld.with_factory, assessor.withheld.until_ms), (0, None));
    assert!(assessor.clear.is_empty() && assessor.checks > 0, "what is missing in a list would tell");
    let text = serde_json::to_string(&assessor).unwrap();
    assert!(!text.contains("\"says\""), "{text}");
    assert_eq!(case.shown(), 0, "an assessor's look is no showing");

    let firm = case.see("firm").await;
    assert_eq!(firm.findings.len() as i64, found);
    assert_eq!((firm.may_answer, firm.withheld), (true, Withheld::default()));
    let frozen = firm.findings.iter().find(|f| f.detector.id == "credibility.frozen_value@1").expect("found");
    let shown = frozen.shown.as_ref().expect("shown to whom it is shown");
    assert_eq!((shown.role.as_str(), shown.at_ms, frozen.machine.as_str()), ("firm", MONDAY + 8 * DAY, "press"));
    assert_eq!(frozen.release_ms, Some(MONDAY + 22 * DAY));
    assert!(!frozen.released && frozen.acknowledged.is_none());
    assert!(!frozen.samples.is_empty() && !frozen.says.zh.is_empty() && !frozen.detector.parameters.is_empty());
    assert!(frozen.detector.honest.as_ref().is_some_and(|h| h.examined > 0));
    assert_eq!(frozen.stretches[0].from_ms, frozen.from_ms);
    assert!(!firm.clear.is_empty() && !firm.unchecked.is_empty());
    let size = case.inside.context.logs.size(&Inside::site()).unwrap();
    assert_eq!((firm.prefix as u64, case.shown()), (size, 1));
    let named = FindingShown {
        findings: vec![FindingRef {
            finding: frozen.key.clone(),
            detector: frozen.detector.id.clone(),
            machine: "press".into(),
            from_ms: frozen.from_ms,
        }],
    };
    let by_hand = admin::check_statement(FINDING_SHOWN, &serde_json::to_value(named).unwrap());
    assert!(by_hand.is_err_and(|why| why.contains("cannot be stated")), "the server says what it showed, nobody else");
    case.wait(HOUR);
    assert_eq!(case.see("firm").await.findings, firm.findings, "the first look counts, whoever looks again");
    for other in ["provider", "administrator"] {
        let seen = case.see(other).await;
        assert!(seen.findings.is_empty() && !seen.may_answer, "{other}: the factory's own first");
    }
    assert_eq!(case.shown(), 1, "once");

    let assessor = case.see("assessor").await;
    assert_eq!((assessor.withheld.with_factory, assessor.withheld.not_shown), (found, 0));
    assert_eq!(assessor.withheld.until_ms, Some(MONDAY + 22 * DAY));
    let access = case.access("city").await;
    case.inside.projected().await;
    let stated = crate::query::declarations(&case.inside.state.store, &access, "demo", Some(FINDING_SHOWN)).await;
    assert_eq!(stated.unwrap()[0].body, "", "which ones is the factory's");
    let access = case.access("firm").await;
    let stated = crate::query::declarations(&case.inside.state.store, &access, "demo", Some(FINDING_SHOWN)).await;
    assert!(stated.unwrap()[0].body.contains(&firm.findings[0].key));

    case.wait(14 * DAY - HOUR - 1);
    assert!(case.see("assessor").await.findings.is_empty(), "a millisecond before");
    case.wait(1);
    let assessor = case.see("assessor").await;
    assert_eq!((assessor.findings.len() as i64, assessor.withheld), (found, Withheld::default()));
    assert!(!assessor.findings[0].samples.is_empty() && !assessor.clear.is_empty());
    let city = case.see("city").await;
    assert_eq!(city.findings.len() as i64, found);
    assert!(city.findings.iter().all(|f| f.samples.is_empty()), "raw readings are not the city's");
    case.inside.evidence.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_of_the_factory_opens_one_matter_and_stands_beside_it() {
    let case = Case::new().await;
    for other in ["provider", "administrator"] {
        let seen = case.see(other).await;
        assert!(seen.findings.is_empty() && case.shown() == 0, "{other}: no showing to the factory");
    }
    let (firm, again) = tokio::join!(case.see("firm"), case.see("firm"));
    assert_eq!(
        (case.shown(), &firm.findings),
        (1, &again.findings),
        "two who look at the same moment are shown it once"
    );
    assert!(firm.findings.len() >= 2, "two, to tell them apart: {:?}", firm.findings);
    let (first, second) = (&firm.findings[0], &firm.findings[1]);
    case.wait(HOUR);
    case.state("finding_acknowledged", first, None).await;
    let assessor = case.see("assessor").await;
    assert_eq!(assessor.findings.iter().map(|f| &f.key).collect::<Vec<_>>(), [&first.key]);
    assert_eq!(assessor.withheld.with_factory, firm.findings.len() as i64 - 1);
    let acknowledged = assessor.findings[0].acknowledged.as_ref().expect("acknowledged");
    assert_eq!((acknowledged.role.as_str(), acknowledged.at_ms), ("firm", MONDAY + 8 * DAY + HOUR));
    assert_eq!(assessor.findings[0].release_ms, Some(acknowledged.at_ms));
    assert!(!assessor.findings[0].released || assessor.findings[0].release_reason.zh.contains("知悉"));
    case.state("explanation", second, Some("互感器更换，检修单 12 号。")).await;
    case.state("explanation", second, Some("补充：照片存于设备科。")).await;
    let assessor = case.see("assessor").await;
    let told = assessor.findings.iter().find(|f| f.key == second.key).expect("open");
    let texts: Vec<&str> = told.explanations.iter().map(|e| e.text.as_str()).collect();
    assert_eq!(texts, ["互感器更换，检修单 12 号。", "补充：照片存于设备科。"]);
    assert_eq!(
        (told.says.clone(), told.samples.clone()),
        (second.says.clone(), second.samples.clone()),
        "it changes nothing"
    );
    case.inside.evidence.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_whole_weeks_of_the_site_that_are_over_are_examined() {
    let case = Case::new().await;
    let access = case.access("firm").await;
    let state = &case.inside.state;
    let ask = async |week: Option<&str>, now_ms: i64| {
        findings(&state.store, &state.logs, &access, "demo", week, now_ms).await
    };
    let last = ask(None, MONDAY + 8 * DAY).await.expect("the last week");
    assert_eq!((last.week.as_str(), last.last.as_str(), last.next.as_deref()), ("2026-03-02", "2026-03-08", None));
    assert_eq!((last.from_ms, last.until_ms, last.previous.as_str()), (MONDAY, MONDAY + 7 * DAY, "2026-02-23"));
    let sunday = ask(Some("2026-03-08"), MONDAY + 20 * DAY).await.expect("by its Sunday");
    assert_eq!((sunday.week.as_str(), sunday.next.as_deref()), ("2026-03-02", Some("2026-03-09")));
    assert_eq!(ask(Some("2026-03-02"), MONDAY + 7 * DAY).await.expect("just over").week, "2026-03-02");
    for (week, now_ms) in [
        (Some("2026-03-02"), MONDAY + 7 * DAY - 1),
        (Some("2027-01-01"), MONDAY + 8 * DAY),
        (Some("yesterday"), MONDAY + 8 * DAY),
        (Some("9999-12-31"), i64::MAX),
    ] {
        let refused = ask(week, now_ms).await;
        assert!(matches!(refused, Err(QueryError::Invalid(_))), "{week:?}: {refused:?}");
    }
    let empty = ask(Some("2026-02-25"), MONDAY + 8 * DAY).await.expect("before anything was read");
    assert!(empty.findings.is_empty() && empty.withheld == Withheld::default());
    case.inside.evidence.close().await;
}
