//! What a questionnaire must fulfil before anything is computed with it.

use crate::assessment::level::LevelRule;
use crate::assessment::scheme::{Choice, Dimension, Extent, Kind, Question, Scene, Scheme};
use crate::assessment::{Edition, Points};
use crate::checklist::file::{named, unique, versioned};
use crate::energy::comprehensive::Direction;

type Checked = Result<(), String>;

pub(super) fn scheme(s: &Scheme) -> Checked {
    versioned(&s.id)?;
    named(&s.names, "names")?;
    if s.dimensions.is_empty() != s.unscored.is_some() {
        return Err("a scheme has dimensions, or `unscored` says why it has none".to_owned());
    }
    if let Some(why) = &s.unscored {
        named(why, "unscored")?;
    }
    unique(s.dimensions.iter().map(|d| d.dimension.as_str()), "dimension")?;
    for d in &s.dimensions {
        dimension(d)?;
    }
    let total = s.points();
    if !s.dimensions.is_empty() && Some(total) != Points::from_thousandths(100_000) {
        return Err(format!("dimensions add up to {}, not 100", total.digits()));
    }
    if !s.questions().map(|q| q.number).eq((1..=u8::MAX).take(s.questions().count())) {
        return Err("questions are numbered 1, 2, 3 … in order".to_owned());
    }
    let evidenced: Points = s.questions().map(Question::evidence_points).sum();
    if evidenced != s.evidence_points {
        let (sum, said) = (evidenced.digits(), s.evidence_points.digits());
        return Err(format!("what data can evidence adds up to {sum}, `evidence_points` says {said}"));
    }
    let mut figures: Vec<_> = s.questions().filter_map(|q| q.evidence.by).collect();
    let count = figures.len();
    figures.sort_unstable();
    figures.dedup();
    if figures.len() != count {
        return Err("two questions are decided by one figure".to_owned());
    }
    unique(s.scenes.iter().map(|c| c.scene.as_str()), "scene")?;
    for c in &s.scenes {
        scene(c)?;
    }
    rule(&s.level_rule, s.edition, &s.scenes)
}

fn dimension(d: &Dimension) -> Checked {
    named(&d.names, &d.dimension)?;
    for q in &d.questions {
        question(q).map_err(|reason| format!("question {}: {reason}", q.number))?;
    }
    let sum: Points = d.questions.iter().map(|q| q.points).sum();
    if sum == d.points {
        Ok(())
    } else {
        Err(format!("questions of `{}` add up to {}, not {}", d.dimension, sum.digits(), d.points.digits()))
    }
}

fn question(q: &Question) -> Checked {
    named(&q.names, "names")?;
    named(&q.place, "place")?;
    named(&q.evidence.remark, "evidence")?;
    unique(q.options.iter().map(|o| o.option.as_str()), "option")?;
    for o in &q.options {
        named(&o.names, &o.option)?;
    }
    if q.options.len() < 2 || q.options.first().is_none_or(|o| o.points != Points::ZERO) {
        return Err("two options or more, the first worth nothing".to_owned());
    }
    let most = match q.kind {
        Kind::Multi => q.options.iter().map(|o| o.points).sum(),
        _ => q.options.iter().map(|o| o.points).max().unwrap_or_default(),
    };
    if most != q.points {
        return Err(format!("its options give at most {}, not {}", most.digits(), q.points.digits()));
    }
    kind(q)?;
    evidence(q)
}

fn kind(q: &Question) -> Checked {
    let bands: Vec<Option<u32>> = q.options.iter().map(|o| o.to_percent).collect();
    let directions: Vec<Option<Direction>> = q.options.iter().map(|o| o.direction).collect();
    let (has_bands, has_directions) = (bands.iter().any(Option::is_some), directions.iter().any(Option::is_some));
    if has_bands != (q.kind == Kind::Bands) || has_directions != (q.kind == Kind::Direction) {
        return Err("`to_percent` belongs to bands, `direction` to directions".to_owned());
    }
    let rises = |a: &Choice, b: &Choice| a.to_percent < b.to_percent && a.points < b.points;
    let rising = q.options.iter().zip(q.options.iter().skip(1)).all(|(a, b)| rises(a, b));
    let closed = bands.first().is_some_and(|to| to.is_some_and(|to| to > 0)) && bands.last() == Some(&Some(100));
    if q.kind == Kind::Bands && !(rising && closed) {
        return Err("bands rise in percent and points, from above 0 to 100".to_owned());
    }
    let once = |d: Direction| directions.iter().filter(|o| **o == Some(d)).count() == 1;
    let each = directions.len() == 3 && [Direction::Higher, Direction::Same, Direction::Lower].into_iter().all(once);
    if q.kind == Kind::Direction && !each {
        return Err("each direction once".to_owned());
    }
    Ok(())
}

fn evidence(q: &Question) -> Checked {
    let e = &q.evidence;
    unique(e.options.iter().map(String::as_str), "evidenced option")?;
    if let Some(unknown) = e.options.iter().find(|o| q.option(o).is_none()) {
        return Err(format!("`{unknown}` is no option"));
    }
    if e.extent == Extent::Counted && (e.by.is_none() || (q.kind == Kind::Multi) == e.options.is_empty()) {
        return Err("counted evidence names its figure, and of several options the ones meant".to_owned());
    }
    Ok(())
}

fn scene(c: &Scene) -> Checked {
    let at = |reason: String| format!("scene `{}`: {reason}", c.scene);
    named(&c.names, "names").map_err(at)?;
    named(&c.lane, "lane").map_err(at)?;
    if c.levels.len() != 4 {
        return Err(at("four levels".to_owned()));
    }
    for level in &c.levels {
        named(level, "level").map_err(at)?;
    }
    if c.data_level.is_some() == c.asks.is_empty() || c.data_level.is_some_and(|l| !(1..=4).contains(&l)) {
        return Err(at("`data_level` from 1 to 4 with what it asks, or neither".to_owned()));
    }
    if c.asks.iter().any(Vec::is_empty) {
        return Err(at("an alternative that asks for nothing".to_owned()));
    }
    c.asks.iter().flatten().try_for_each(|need| need.check().map_err(at))
}

pub(super) fn rule(r: &LevelRule, edition: Edition, scenes: &[Scene]) -> Checked {
    r.check()?;
    if r.edition != edition {
        return Err(format!("a rule of edition {}, not {}", r.edition.year(), edition.year()));
    }
    let starred = scenes.iter().filter(|c| c.starred).count();
    let within = |l: &crate::assessment::level::LevelNeeds| {
        usize::from(l.scenes) <= scenes.len() && usize::from(l.starred) <= starred
    };
    if r.levels.iter().all(within) {
        Ok(())
    } else {
        Err(format!("asks for more than the {} scenes, {starred} of them starred, that there are", scenes.len()))
    }
}
