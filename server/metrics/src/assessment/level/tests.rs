//! The rule's edges, open answers, and what an outcome says of itself.

use super::*;
use crate::assessment::scheme::delivered;

fn points(text: &str) -> Points {
    Points::parse(text).unwrap()
}

fn exactly(scenes: u8, starred: u8) -> Reached {
    Reached { scenes: (scenes, scenes), starred: (starred, starred) }
}

#[test]
fn points_scenes_and_stars_are_all_needed() {
    let rule = delivered("miit.2024@1").unwrap().level_rule;
    let level = |text: &str, scenes, starred| {
        let p = points(text);
        rule.decide((p, p), |_| exactly(scenes, starred)).level.unwrap()
    };
    assert_eq!(level("60", 8, 5), 3, "edges are inside");
    assert_eq!(level("59.999", 8, 5), 2);
    assert_eq!(level("60", 7, 7), 2, "seven scenes of eight");
    assert_eq!(level("60", 8, 4), 2, "four ★ of five");
    assert_eq!(level("100", 5, 5), 0, "no level without six scenes");
    assert_eq!(level("100", 16, 10), 4);
    assert_eq!(level("19.999", 16, 10), 0);
}

#[test]
fn the_reasons_carry_the_numbers() {
    let rule = delivered("miit.2024@1").unwrap().level_rule;
    let p = points("61.25");
    let outcome = rule.decide((p, p), |_| exactly(7, 4));
    assert_eq!(outcome.level, Ok(2));
    let (zh, en) = outcome.steps[2].words();
    assert_eq!(zh, "得分 61.25 ≥ 60，达到 L3 的场景 7 个 < 8 个，其中约束性场景 4 个 < 5 个");
    assert_eq!(en, "score 61.25 ≥ 60, scenes at L3 or above 7 < 8, of these ★ 4 < 5");
    let (zh, en) = outcome.statement();
    assert!(
        zh.contains("评测人员填写的答案")
            && zh.contains("miit.2024.levels@1（未与官方文本核对）")
            && zh.contains("二级")
    );
    assert!(
        zh.contains("本系统不评定等级") && en.contains("(unverified)") && en.contains("This system states no level")
    );
}

#[test]
fn open_answers_leave_a_level_open_only_where_they_can_change_it() {
    let rule = delivered("miit.2024@1").unwrap().level_rule;
    let decided = rule.decide((points("41"), points("59")), |_| exactly(8, 5));
    assert_eq!(decided.level, Ok(2), "nothing between 41 and 59 changes the level");
    let open = rule.decide((points("41"), points("60")), |_| exactly(8, 5));
    assert_eq!(open.level, Err(Open { least: 2, most: 3 }));
    assert!(open.statement().0.contains("二级至三级之间"));
    assert!(open.steps[2].words().0.contains("得分 41–60 ? 60（尚未确定）"));
    let scenes = |_| Reached { scenes: (5, 9), starred: (5, 5) };
    assert_eq!(rule.decide((points("60"), points("60")), scenes).level, Err(Open { least: 0, most: 3 }));
    assert_eq!(rule.decide((points("10"), points("10")), scenes).level, Ok(0), "too few points whatever the scenes");
}

#[test]
fn a_total_alone_places_an_edition_without_scenes_only() {
    let old = delivered("miit.2022@1").unwrap().level_rule;
    let place = |text: &str| old.place_total(points(text)).unwrap().level.unwrap();
    assert_eq!(
        [place("19.999"), place("20"), place("40"), place("59.5"), place("80"), place("100")],
        [0, 1, 2, 2, 4, 4]
    );
    let statement = old.place_total(points("45")).unwrap().statement();
    assert!(statement.0.contains("2022年版") && statement.0.contains("未与官方文本核对"));
    assert!(delivered("miit.2024@1").unwrap().level_rule.place_total(points("45")).is_err());
}

#[test]
fn a_rule_of_its_own_file_is_read_and_checked() {
    let json = |levels: &str| {
        format!(
            r#"{{"id":"city.levels@1","edition":"2024","sourced":"published","source":"x","remark":{{"zh":"某市确认","en":"confirmed"}},"levels":[{levels}]}}"#
        )
    };
    let rule = LevelRule::parse(&json(r#"{"level":1,"points":"20","scenes":6,"starred":3}"#)).unwrap();
    let p = points("100");
    assert_eq!(rule.decide((p, p), |_| exactly(6, 3)).level, Ok(1));
    assert!(
        !rule.decide((p, p), |_| exactly(6, 3)).statement().0.contains("未与官方"),
        "a published rule is not marked"
    );
    for bad in [
        "",
        r#"{"level":2,"points":"20"}"#,
        r#"{"level":1,"points":"101"}"#,
        r#"{"level":1,"points":"20","scenes":1,"starred":2}"#,
        r#"{"level":1,"points":"20"},{"level":2,"points":"20"}"#,
        r#"{"level":1,"points":"20","scenes":9},{"level":2,"points":"40","scenes":8}"#,
        r#"{"level":1,"points":-20}"#,
        r#"{"level":1,"points":"20","scenes":256}"#,
    ] {
        assert!(LevelRule::parse(&json(bad)).is_err(), "{bad}");
    }
}
