//! What must hold of every claim and every file, whatever is in it.

use practice::claim::{Answer, Claim, Line, StatedAmount, StatedLevel};
use practice::rule::{DELIVERED, Day, Rule};
use practice::sheet::{Amount, Sheet, evaluate};
use proptest::prelude::*;

fn kunming() -> Rule {
    Rule::parse(DELIVERED[0].1).unwrap()
}

fn day(text: &str) -> Day {
    Day(text.parse().unwrap())
}

fn lines() -> impl Strategy<Value = Vec<Line>> {
    let category = prop_oneof![
        Just("software"),
        Just("cloud"),
        Just("gateway"),
        Just("sensor"),
        Just("equipment"),
        Just("wages"),
        Just("robot")
    ];
    let dates = prop_oneof![Just(None), Just(Some(day("2024-09-01"))), Just(Some(day("2023-06-11")))];
    let answer = || prop_oneof![6 => Just(Some(true)), 1 => Just(Some(false)), 1 => Just(None)];
    let line = (category, 1..200_000_000_i64, 0..=100_i64, dates, answer(), answer());
    prop::collection::vec(line, 1..12).prop_map(|all| {
        let line = |(i, (category, amount_fen, hard, invoiced, in_plan, fresh)): (
            usize,
            (&str, i64, i64, _, _, Option<bool>),
        )| Line {
            line: format!("l{i}"),
            category: category.to_owned(),
            amount_fen,
            hardware_fen: if ["gateway", "sensor", "equipment"].contains(&category) {
                0
            } else {
                amount_fen * hard / 100 / 2
            },
            invoiced,
            in_plan,
            in_contract: None,
            subsidised: fresh.map(|f| !f),
        };
        all.into_iter().enumerate().map(line).collect()
    })
}

prop_compose! {
    fn claims()(
        lines in lines(),
        level in prop::option::of(0..=4_u8),
        received in prop::collection::vec(0..50_000_000_i64, 0..3),
        confirmed in prop::option::of(1..300_000_000_i64),
        award in any::<bool>(),
        unanswered in prop::option::weighted(0.2, 0..6_usize),
    ) -> Claim {
        let by = || "某部门".to_owned();
        let stated = |amount_fen| StatedAmount { amount_fen, by: by() };
        Claim {
            at: day("2025-06-30"),
            level: level.map(|level| StatedLevel { level, by: by() }),
            sector: None,
            batch: None,
            started: None,
            finished: None,
            rule_from: None,
            lines,
            facts: answers(unanswered),
            confirmed: confirmed.map(|c| ("half_of_retrofit".to_owned(), stated(c))).into_iter().collect(),
            announced: Default::default(),
            awards: award
                .then(|| ("lighthouse".to_owned(), practice::claim::StatedAward { amount_fen: None, by: by() }))
                .into_iter()
                .collect(),
            received: received.into_iter().map(stated).collect(),
            paid: Default::default(),
            met: Default::default(),
        }
    }
}

/// Answers that exclude nobody; one question may lack its own.
fn answers(without: Option<usize>) -> std::collections::BTreeMap<String, Answer> {
    let fact = |answer| Answer { answer, by: "公示名单".to_owned() };
    let rule = kunming();
    let all = rule.exclusion.iter().enumerate().filter(|(i, _)| Some(*i) != without);
    all.map(|(_, e)| (e.id().to_owned(), fact(!e.when))).collect()
}

fn sheet(claim: &Claim) -> Sheet {
    evaluate(&kunming(), claim).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn no_limit_is_ever_exceeded(claim in claims()) {
        let sheet = sheet(&claim);
        prop_assert!(sheet.eligible <= sheet.lines.iter().map(|l| l.amount).sum());
        prop_assert!(sheet.eligible <= sheet.investment);
        // Nothing is both settled and open, and what is open only ever raises the limit.
        for l in &sheet.lines {
            prop_assert!(l.eligible + l.eligible_open <= l.amount && l.investment + l.investment_open <= l.amount);
        }
        prop_assert_eq!(sheet.ceiling_with_open.is_some(), sheet.open > 0 || sheet.investment_open > 0);
        if let (Some(settled), Some(with)) = (sheet.ceiling.fen(), sheet.ceiling_with_open.as_ref()) {
            prop_assert!(with.fen().is_some_and(|with| settled <= with && with <= sheet.eligible + sheet.open));
        }
        let Some(ceiling) = sheet.ceiling.fen() else { return Ok(()) };
        prop_assert!(ceiling >= 0 && ceiling <= sheet.eligible);
        for limit in sheet.steps.iter().filter_map(|s| s.limit) {
            prop_assert!(ceiling <= limit);
        }
        // The limits again, from the articles and by another way: twice the subsidy is at most its base.
        let base = claim.confirmed.get("half_of_retrofit").map_or(sheet.eligible, |c| c.amount_fen);
        prop_assert!(2 * ceiling <= base);
        let most = [i64::MAX, i64::MAX, 20_000_000, 40_000_000, 50_000_000];
        prop_assert!(claim.level.as_ref().is_none_or(|l| ceiling <= most[usize::from(l.level)]));
        let others: i64 = claim.received.iter().map(|r| r.amount_fen).sum::<i64>() + if claim.awards.is_empty() { 0 } else { 20_000_000 };
        prop_assert!(ceiling == 0 || 2 * (ceiling + others) <= sheet.investment);
    }

    #[test]
    fn instalments_add_up_to_the_whole(claim in claims()) {
        let sheet = sheet(&claim);
        let shares = sheet.stages.iter().skip(1).map(|s| s.amount.fen()).sum::<Option<i64>>();
        prop_assert_eq!(shares, sheet.ceiling.fen());
        if let (Some(whole), Some(first)) = (sheet.ceiling.fen(), sheet.stages[1].amount.fen()) {
            prop_assert!(first * 10 <= whole * 7 && first * 10 + 10 > whole * 7);
        }
    }

    #[test]
    fn spending_more_within_the_scope_never_lowers_the_limit(mut claim in claims(), at in any::<prop::sample::Index>(), more in 1..1_000_000_i64) {
        let before = sheet(&claim);
        let at = at.index(claim.lines.len());
        claim.lines[at].amount_fen += more;
        let after = sheet(&claim);
        prop_assert!(after.eligible >= before.eligible);
        match (before.ceiling.fen(), after.ceiling.fen()) {
            (Some(before), Some(after)) => prop_assert!(after >= before),
            // Nothing within the scope is nothing, whatever is missing; with something in it, what is missing shows.
            (Some(before), None) => prop_assert_eq!(before, 0),
            (None, Some(_)) => prop_assert!(false, "a number out of nowhere"),
            (None, None) => {}
        }
    }

    #[test]
    fn the_order_of_expenses_moves_nothing(claim in claims(), by in any::<prop::sample::Index>()) {
        let mut other = claim.clone();
        let by = by.index(other.lines.len());
        other.lines.rotate_left(by);
        let (a, mut b) = (sheet(&claim), sheet(&other));
        b.lines.rotate_right(by);
        prop_assert_eq!(&a.lines, &b.lines);
        prop_assert_eq!(&a.steps, &b.steps);
        prop_assert_eq!(&a.stages, &b.stages);
    }

    #[test]
    fn what_is_missing_is_never_a_number(mut claim in claims()) {
        claim.level = None;
        let sheet = sheet(&claim);
        prop_assert!(sheet.eligible == 0 || matches!(sheet.ceiling, Amount::Missing(_)));
    }

    #[test]
    fn without_an_answer_there_is_no_number(mut claim in claims(), of in 0..6_usize) {
        claim.facts = answers(Some(of));
        let sheet = sheet(&claim);
        prop_assert!(sheet.ceiling.fen().is_none_or(|fen| fen == 0), "{:?}", sheet.ceiling);
        prop_assert!(sheet.eligible == 0 || matches!(sheet.ceiling, Amount::Missing(_)));
    }

    #[test]
    fn damaged_files_are_refused_with_a_line_or_read(file in 0..3_usize, cut in any::<prop::sample::Index>(), byte in any::<u8>(), insert in any::<bool>()) {
        let mut bytes = DELIVERED[file].1.as_bytes().to_vec();
        let at = cut.index(bytes.len());
        if insert { bytes.insert(at, byte) } else { bytes[at] = byte }
        let text = String::from_utf8_lossy(&bytes);
        if let Err(error) = Rule::parse(&text) {
            prop_assert!(error.line >= 1 && error.line <= text.lines().count() + 1);
            prop_assert!(!error.said.zh.is_empty() && !error.said.en.is_empty());
        }
    }

    #[test]
    fn files_cut_anywhere_never_panic(file in 0..3_usize, cut in any::<prop::sample::Index>()) {
        let text = DELIVERED[file].1;
        let at = cut.index(text.len());
        let at = (0..=at).rev().find(|i| text.is_char_boundary(*i)).unwrap();
        let cut = &text[..at];
        match Rule::parse(cut) {
            // What remains has everything a rule must have: only notes and calls come after the instalments.
            Ok(rule) => prop_assert!(!text[at..].contains("[[stage]]") && !rule.stage.is_empty()),
            Err(error) => prop_assert!(error.line <= cut.lines().count() + 1),
        }
    }

    #[test]
    fn anything_at_all_is_read_or_refused(text in "\\PC{0,400}") {
        prop_assert!(Rule::parse(&text).is_err());
    }
}
