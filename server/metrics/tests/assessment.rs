//! What must hold of the 评测指标 whatever is answered, and what outside bytes cannot do to it.

mod fixture;

use fixture::{HOUR, Log, MONDAY};
use metrics::assessment::Edition;
use metrics::assessment::answers::{Answers, QuestionAnswer, SceneAnswer};
use metrics::assessment::level::LevelRule;
use metrics::assessment::scheme::{self, Kind, Scheme};
use metrics::assessment::score::{Scored, score};
use metrics::checklist::items::{self, Items};
use metrics::checklist::lighthouse::{self, Lighthouse};
use metrics::compare::SplitMix64;
use metrics::exact::Rational;
use metrics::model::parse_body;
use proptest::prelude::*;
use serde_json::{Value, json};

fn miit() -> Scheme {
    scheme::delivered("miit.2024@1").unwrap()
}

/// Points of the band by another way: the first upper end the exact quotient does not exceed.
fn by_quotient(part: u64, of: u64) -> &'static str {
    let share = Rational::new(part.into(), of.into()).unwrap();
    let ends = [(1, 10, "0"), (1, 5, "1.5"), (2, 5, "3"), (3, 5, "4.5"), (1, 1, "6")];
    ends.into_iter().find(|(n, d, _)| share <= Rational::new(*n, *d).unwrap()).unwrap().2
}

#[test]
fn every_share_of_up_to_200_machines_falls_into_its_band() {
    let scheme = miit();
    for number in [2, 3] {
        let question = scheme.question(number).unwrap();
        for of in 1..=200 {
            let mut before = 0;
            for part in 0..=of {
                let band = question.band(part, of).unwrap();
                assert_eq!(band.points.digits(), by_quotient(part, of), "{part}/{of}");
                assert!(band.points.thousandths() >= before, "{part}/{of}: one machine more never scores less");
                before = band.points.thousandths();
                // Edges exactly: the end is inside, one more machine is outside.
                let to = u64::from(band.to_percent.unwrap());
                let next = question.band(part + 1, of).map(|b| b.points);
                if part * 100 == to * of && part < of {
                    assert!(next > Some(band.points), "{part}/{of} is the end of a band");
                }
            }
        }
    }
}

/// A random answer set: each question answered with what the bits say, or left out.
fn answers(scheme: &Scheme, bits: u64, open: bool) -> Answers {
    let mut random = SplitMix64::new(bits);
    let mut out = Answers { scheme: scheme.id.clone(), ..Answers::default() };
    for q in scheme.questions() {
        if open && random.next_u64().is_multiple_of(4) {
            continue;
        }
        let mut answer = QuestionAnswer { question: q.number, ..QuestionAnswer::default() };
        let letters: Vec<&String> = q.options.iter().map(|o| &o.option).collect();
        if q.kind == Kind::Multi {
            let chosen: Vec<String> =
                letters.iter().skip(1).filter(|_| random.next_u64().is_multiple_of(2)).map(|l| (*l).clone()).collect();
            answer.options = Some(if chosen.is_empty() { vec![letters[0].clone()] } else { chosen });
        } else if q.kind == Kind::Bands && random.next_u64().is_multiple_of(2) {
            let of = 1 + random.next_u64() % 50;
            (answer.part, answer.of) = (Some(random.next_u64() % (of + 1)), Some(of));
        } else {
            answer.options = Some(vec![letters[(random.next_u64() % letters.len() as u64) as usize].clone()]);
        }
        out.questions.push(answer);
    }
    for c in &scheme.scenes {
        if !(open && random.next_u64().is_multiple_of(4)) {
            out.scenes.push(SceneAnswer { scene: c.scene.clone(), level: (random.next_u64() % 5) as u8 });
        }
    }
    out
}

/// What can be raised by one step: an option more, the next option, one machine more, a scene a level higher.
fn raised(scheme: &Scheme, from: &Answers, bits: u64) -> Answers {
    let mut random = SplitMix64::new(bits);
    let mut out = from.clone();
    if random.next_u64().is_multiple_of(2) {
        let at = (random.next_u64() % out.scenes.len() as u64) as usize;
        out.scenes[at].level = (out.scenes[at].level + 1).min(4);
        return out;
    }
    let at = (random.next_u64() % out.questions.len() as u64) as usize;
    let answer = &mut out.questions[at];
    let question = scheme.question(answer.question).unwrap();
    let worth = |letter: &String| question.option(letter).unwrap().points;
    match (&mut answer.options, question.kind) {
        (Some(chosen), Kind::Multi) => {
            if let Some(more) = question.options.iter().skip(1).find(|o| !chosen.contains(&o.option)) {
                chosen.retain(|o| *o != question.options[0].option);
                chosen.push(more.option.clone());
            }
        }
        (Some(chosen), _) => {
            let now = worth(&chosen[0]);
            if let Some(next) = question.options.iter().filter(|o| o.points > now).min_by_key(|o| o.points) {
                chosen[0] = next.option.clone();
            }
        }
        (None, _) => answer.part = Some((answer.part.unwrap() + 1).min(answer.of.unwrap())),
    }
    out
}

fn least_level(s: &Scored) -> u8 {
    s.level.level.unwrap_or_else(|open| open.least)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    /// Doing more never gives fewer points nor a lower level, and parts add up to the whole.
    #[test]
    fn more_is_never_less(bits in any::<u64>(), step in any::<u64>()) {
        let scheme = miit();
        let from = answers(&scheme, bits, false);
        let to = raised(&scheme, &from, step);
        let (a, b) = (score(&scheme, &from).unwrap(), score(&scheme, &to).unwrap());
        for (x, y) in a.questions.iter().zip(&b.questions) {
            prop_assert!(x.points.unwrap() <= y.points.unwrap());
        }
        prop_assert!(a.total.points().unwrap() <= b.total.points().unwrap());
        prop_assert!(a.level.level.unwrap() <= b.level.level.unwrap());
        let parts: i64 = b.dimensions.iter().map(|(_, d)| d.points().unwrap().thousandths()).sum();
        prop_assert_eq!(parts, b.total.points().unwrap().thousandths());
        // The rule, by plain counting.
        let total = b.total.points().unwrap().thousandths();
        let counted = |level: u8, starred: bool| {
            to.scenes.iter().filter(|s| s.level >= level && (!starred || scheme.scenes.iter().any(|c| c.scene == s.scene && c.starred))).count()
        };
        let wanted = [(1, 20, 6, 3), (2, 40, 6, 3), (3, 60, 8, 5), (4, 80, 10, 6)].into_iter()
            .filter(|(l, p, n, s)| total >= p * 1_000 && counted(*l, false) >= *n && counted(*l, true) >= *s)
            .map(|(l, ..)| l).max().unwrap_or(0);
        prop_assert_eq!(b.level.level.unwrap(), wanted);
    }

    /// Whatever the open answers turn out to be, the truth lies within the bounds that were given before.
    #[test]
    fn open_answers_never_hide_the_truth(bits in any::<u64>(), gone in any::<u64>()) {
        let scheme = miit();
        let full = answers(&scheme, bits, false);
        let mut random = SplitMix64::new(gone);
        let mut part = full.clone();
        part.questions.retain(|_| !random.next_u64().is_multiple_of(3));
        part.scenes.retain(|_| !random.next_u64().is_multiple_of(3));
        let (truth, known) = (score(&scheme, &full).unwrap(), score(&scheme, &part).unwrap());
        let total = truth.total.points().unwrap();
        prop_assert!(known.total.least <= total && total <= known.total.most);
        prop_assert_eq!(known.total.points().is_some(), part.questions.len() == 15, "undefined while a question is open");
        let level = truth.level.level.unwrap();
        match known.level.level {
            Ok(decided) => prop_assert_eq!(decided, level),
            Err(open) => prop_assert!(open.least <= level && level <= open.most && open.least < open.most),
        }
        prop_assert!(least_level(&known) <= level);
    }

    /// The same answers in any order give the same result.
    #[test]
    fn order_changes_nothing(bits in any::<u64>()) {
        let scheme = miit();
        let forward = answers(&scheme, bits, true);
        let mut backward = forward.clone();
        backward.questions.reverse();
        backward.scenes.reverse();
        for q in &mut backward.questions {
            if let Some(options) = &mut q.options {
                options.reverse();
            }
        }
        prop_assert_eq!(score(&scheme, &forward).unwrap(), score(&scheme, &backward).unwrap());
    }
}

/// Every place in a JSON value.
fn places(value: &Value, at: &str, out: &mut Vec<String>) {
    out.push(at.to_owned());
    match value {
        Value::Array(all) => all.iter().enumerate().for_each(|(i, v)| places(v, &format!("{at}/{i}"), out)),
        Value::Object(all) => all.iter().for_each(|(k, v)| places(v, &format!("{at}/{k}"), out)),
        _ => {}
    }
}

fn hostile() -> Vec<Value> {
    vec![
        Value::Null,
        json!(true),
        json!(-1),
        json!(u64::MAX),
        json!(1.5),
        json!(1e300),
        json!(""),
        json!("9".repeat(40)),
        json!("-0.5"),
        json!("\u{0}"),
        json!("省".repeat(3_000)),
        json!([]),
        json!([[[[]]]]),
        json!({}),
        json!({"zh": "x"}),
    ]
}

#[test]
fn no_file_and_no_statement_from_outside_makes_it_panic() {
    let items = Items::parse(items::DELIVERED).unwrap();
    let level = json!({"edition": "2024", "level": 3, "score_thousandths": 61_250, "date": "2026-03-14",
        "assessed": "on_site", "body": "机构", "assessor": "p", "document": "a".repeat(64)});
    let rule = serde_json::from_str::<Value>(scheme::DELIVERED[1]).unwrap()["level_rule"].to_string();
    let given = json!({"scheme": "miit.2024@1", "questions": [{"question": 1, "options": ["B"]}, {"question": 2, "part": 1, "of": 2}],
        "scenes": [{"scene": "energy", "level": 1}]});
    let scored = miit();
    type Read<'r> = Box<dyn Fn(&Value) -> bool + 'r>;
    let targets: Vec<(Value, Read<'_>)> = vec![
        (serde_json::from_str(scheme::DELIVERED[1]).unwrap(), Box::new(|v| Scheme::parse(&v.to_string()).is_ok())),
        (serde_json::from_str(scheme::DELIVERED[0]).unwrap(), Box::new(|v| Scheme::parse(&v.to_string()).is_ok())),
        (serde_json::from_str(&rule).unwrap(), Box::new(|v| LevelRule::parse(&v.to_string()).is_ok())),
        (serde_json::from_str(items::DELIVERED).unwrap(), Box::new(|v| Items::parse(&v.to_string()).is_ok())),
        (
            serde_json::from_str(lighthouse::DELIVERED).unwrap(),
            Box::new(|v| Lighthouse::parse(&v.to_string(), &items).is_ok()),
        ),
        (given, Box::new(|v| Answers::parse(&v.to_string()).and_then(|a| score(&scored, &a)).is_ok())),
        (level, Box::new(|v| parse_body("level_assessed", v).is_ok())),
    ];
    for (number, (good, read)) in targets.iter().enumerate() {
        assert!(read(good), "target {number} is valid as it is");
        let mut all = Vec::new();
        places(good, "", &mut all);
        // Of a long file places spread over it, so that a run takes seconds.
        let step = 1 + all.len() / 300;
        let all: Vec<String> = all.into_iter().step_by(step).collect();
        let mut refused = 0;
        for place in &all {
            for value in hostile() {
                let mut bad = good.clone();
                *bad.pointer_mut(place).unwrap() = value;
                refused += usize::from(!read(&bad));
            }
        }
        // A remark may say anything; what carries meaning may not.
        assert!(
            refused * 10 > all.len() * hostile().len() * 8,
            "target {number}: {refused} of {}",
            all.len() * hostile().len()
        );
        for cut in ["", "{", "[]", "null", "\u{feff}{}", "{\"id\":\"x@1\",\"id\":\"y@1\"}"] {
            assert!(serde_json::from_str::<Value>(cut).map_or(true, |v| !read(&v)), "target {number}: {cut}");
        }
    }
    assert!(Scheme::parse(&"[".repeat(200_000)).is_err(), "nesting");
    assert!(Answers::parse(&" ".repeat(1 << 20)).is_err(), "length");
}

#[test]
fn stated_levels_are_kept_by_edition_and_the_newest_statement_of_one_holds() {
    let body = |edition: &str, date: &str, level: u8| {
        json!({"edition": edition, "level": level, "date": date, "assessed": "on_site", "body": "某评测机构",
               "assessor": "p-17", "document": "b".repeat(64)})
    };
    let mut log = Log::new(false);
    log.declare("level_assessed", body("2024", "2026-03-01", 2));
    log.declare_from("level_assessed", MONDAY + HOUR, body("2022", "2024-08-01", 1));
    log.declare("level_assessed", body("2024", "2026-03-01", 3));
    log.declare("level_assessed", body("2030", "2026-03-01", 4));
    let history = log.history();
    let levels: Vec<(Edition, Option<u8>, u64)> =
        history.statements().levels_assessed().map(|s| (s.body.edition, s.body.level, s.leaf)).collect();
    let first = levels[1].2 - 2;
    assert_eq!(levels, [(Edition::E2022, Some(1), first + 1), (Edition::E2024, Some(3), first + 2)], "by date");
    let bad: Vec<&str> = history.statements().bad().iter().map(|b| b.kind.as_str()).collect();
    assert_eq!(bad, ["level_assessed"], "an unknown edition moves nothing and is listed");
}
