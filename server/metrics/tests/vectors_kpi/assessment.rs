//! Vectors of §4: bands, score and level of the 评测指标.

use metrics::assessment::answers::Answers;
use metrics::assessment::level_words;
use metrics::assessment::scheme::delivered;
use metrics::assessment::score::{Scored, reached, score};
use metrics::energy::factors::Sourced;
use metrics::exact::Rational;
use serde_json::Value;

use crate::{Computed, Got, integer, note};

pub(crate) fn tv_16(v: &Value) -> Computed {
    let mut out = Computed::new();
    let scheme = delivered(v["scheme"].as_str().unwrap()).unwrap();
    for share in v["shares"].as_array().unwrap() {
        let (part, of) = (integer(&share[0]), integer(&share[1]));
        let name = format!("{part}/{of}");
        note(&mut out, format!("{name}.percent"), Got::Ratio(i128::from(part) * 100, of.into()));
        for number in v["questions"].as_array().unwrap() {
            let question = scheme.question(u8::try_from(integer(number)).unwrap()).unwrap();
            let band = question.band(part.cast_unsigned(), of.cast_unsigned()).unwrap();
            note(&mut out, format!("{name}.q{number}"), band.points.rational());
        }
    }
    out
}

/// The level in words, which must be decided.
fn level(scored: &Scored) -> String {
    level_words(scored.level.level.expect("every question and scene is answered")).0
}

pub(crate) fn tv_19(v: &Value) -> Computed {
    let mut out = Computed::new();
    let mut answers = Answers::parse(&v["answers"].to_string()).unwrap();
    let scheme = delivered(&answers.scheme).unwrap();
    let scored = score(&scheme, &answers).unwrap();
    let points = |p: metrics::assessment::Points| p.rational();
    for q in &scored.questions {
        note(&mut out, format!("q{}", q.question), points(q.points.unwrap()));
    }
    for (dimension, sum) in &scored.dimensions {
        note(&mut out, dimension.clone(), points(sum.points().unwrap()));
    }
    note(&mut out, "total", points(scored.total.points().unwrap()));
    let count = |out: &mut Computed, prefix: &str, answers: &Answers, level: u8| {
        let r = reached(&scheme.scenes, answers, level);
        assert_eq!((r.scenes.0, r.starred.0), (r.scenes.1, r.starred.1), "every scene is answered");
        note(out, format!("{prefix}scenes_l{level}"), Rational::integer(r.scenes.0.into()));
        note(out, format!("{prefix}starred_l{level}"), Rational::integer(r.starred.0.into()));
    };
    count(&mut out, "", &answers, 3);
    note(&mut out, "level", level(&scored));
    note(&mut out, "rule", scored.level.rule.clone());
    note(&mut out, "rule_is", if scored.level.sourced == Sourced::Unverified { "unverified" } else { "verified" });
    let less = &v["less"];
    let scene = answers.scenes.iter_mut().find(|s| s.scene == less["scene"].as_str().unwrap()).unwrap();
    scene.level = u8::try_from(integer(&less["level"])).unwrap();
    let scored = score(&scheme, &answers).unwrap();
    note(&mut out, "less.total", points(scored.total.points().unwrap()));
    count(&mut out, "less.", &answers, 3);
    count(&mut out, "less.", &answers, 2);
    note(&mut out, "less.level", level(&scored));
    note(&mut out, "less.why_not_3", scored.level.steps.iter().find(|s| s.level == 3).unwrap().words().0);
    out
}
