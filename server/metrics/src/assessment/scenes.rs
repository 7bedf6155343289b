//! What data there is of what a scene's level asks (reference §4.3).
//!
//! Constraints: this says which data is present, never that a level is reached. What a level asks that no machine shows (links
//! between systems, a plan on paper) is listed for the assessor and neither helps nor hurts. Where a level may be fulfilled in
//! more than one way, the way with the most data is shown first and all are kept.

use crate::assessment::scheme::{Scene, Scheme};
use crate::checklist::needs::{Available, Judged, Need, Verdict, judge, whole};
use crate::grade::Grade;

/// What a level asks, with what was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked<'s> {
    /// What is asked.
    pub need: &'s Need,
    /// What was found; [`Verdict::Beyond`] is the assessor's to verify.
    pub judged: Judged,
}

/// One way to fulfil a level.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Way<'s> {
    /// Whether the data it asks for is there.
    pub verdict: Verdict,
    /// Worst grade of what was found.
    pub grade: Option<Grade>,
    /// Everything it asks.
    pub asked: Vec<Asked<'s>>,
}

/// A scene with the data there is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SceneData<'s> {
    /// The scene.
    pub scene: &'s Scene,
    /// The level whose data is spoken about.
    pub level: u8,
    /// Ways, the one with most data first.
    pub ways: Vec<Way<'s>>,
}

impl SceneData<'_> {
    /// The best verdict of its ways.
    pub fn verdict(&self) -> Verdict {
        self.ways.first().map_or(Verdict::Beyond, |w| w.verdict)
    }

    /// The verdict in Chinese and English, with what it does not say.
    pub fn words(&self) -> (String, String) {
        let level = self.level;
        let (zh, en) = match self.verdict() {
            Verdict::Evidenced => ("所要求的设备数据齐备", "the equipment data it asks for is present"),
            Verdict::Partly => ("所要求的设备数据部分具备", "part of the equipment data it asks for is present"),
            Verdict::Not => ("所要求的设备数据暂缺", "the equipment data it asks for is missing"),
            Verdict::Beyond => ("未要求设备数据", "it asks for no equipment data"),
        };
        (
            format!("L{level} {zh}（不表示已达到该等级）"),
            format!("L{level}: {en} (this does not say the level is reached)"),
        )
    }
}

/// Every scene that equipment data speaks about.
pub fn supported<'s>(scheme: &'s Scheme, available: &Available) -> Vec<SceneData<'s>> {
    let of = |scene: &'s Scene| {
        let level = scene.data_level?;
        let mut ways: Vec<Way<'s>> = scene.asks.iter().map(|needs| way(needs, available)).collect();
        // Stable: of two ways with the same verdict the one the form names first stays first.
        ways.sort_by_key(|w| std::cmp::Reverse(w.verdict));
        Some(SceneData { scene, level, ways })
    };
    scheme.scenes.iter().filter_map(of).collect()
}

fn way<'s>(needs: &'s [Need], available: &Available) -> Way<'s> {
    let asked: Vec<Asked<'s>> =
        needs.iter().map(|need| Asked { need, judged: judge(&need.definitions, available) }).collect();
    let verdict = whole(asked.iter().map(|a| a.judged.verdict));
    let grade = asked.iter().filter_map(|a| a.judged.grade).max();
    Way { verdict, grade, asked }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assessment::scheme::delivered;
    use crate::checklist::needs::{Held, Lack};

    fn held(ids: &[&str]) -> Available {
        ids.iter().map(|id| ((*id).to_owned(), Ok(Held { grade: Grade::B, with: 1, of: 1 }))).collect()
    }

    fn scene<'d>(data: &'d [SceneData<'_>], id: &str) -> &'d SceneData<'d> {
        data.iter().find(|d| d.scene.scene == id).unwrap()
    }

    #[test]
    fn data_that_a_level_asks_for_is_told_and_never_the_level() {
        let scheme = delivered("miit.2024@1").unwrap();
        let some = held(&["collection.timeliness@1", "collection.completeness@1", "oee.iso22400@1", "safety.alarms@1"]);
        let data = supported(&scheme, &some);
        assert_eq!(data.len(), 5);
        let equipment = scene(&data, "equipment");
        assert_eq!(
            (equipment.level, equipment.verdict(), equipment.ways[0].grade),
            (3, Verdict::Partly, Some(Grade::B))
        );
        let verdicts: Vec<Verdict> = equipment.ways[0].asked.iter().map(|a| a.judged.verdict).collect();
        assert_eq!(verdicts, [Verdict::Evidenced, Verdict::Not, Verdict::Not, Verdict::Evidenced]);
        assert_eq!(equipment.ways[0].asked[2].judged.lacking, [("service.remote@1".to_owned(), Lack::NoData)]);
        assert!(equipment.words().0.contains("部分具备（不表示已达到该等级）"));
        let safety = scene(&data, "safety");
        assert_eq!(safety.verdict(), Verdict::Evidenced, "what only an assessor sees does not count against the data");
        let beyond = safety.ways[0].asked.iter().filter(|a| a.judged.verdict == Verdict::Beyond);
        assert_eq!(beyond.filter(|a| a.need.why_not.is_some()).count(), 2);
        assert!(safety.words().1.ends_with("(this does not say the level is reached)"));
        assert_eq!(scene(&supported(&scheme, &Available::new()), "energy").verdict(), Verdict::Not);
    }

    #[test]
    fn of_two_ways_the_one_with_more_data_comes_first_and_both_are_kept() {
        let scheme = delivered("miit.2024@1").unwrap();
        let data = supported(&scheme, &held(&["quality.traceable@1"]));
        let quality = scene(&data, "quality");
        let verdicts: Vec<Verdict> = quality.ways.iter().map(|w| w.verdict).collect();
        assert_eq!(verdicts, [Verdict::Evidenced, Verdict::Not]);
        assert_eq!(quality.ways[0].asked[0].need.definitions, ["quality.traceable@1"]);
        let data = supported(&scheme, &held(&["count.rejected@1", "quality.monthly@1"]));
        assert_eq!(scene(&data, "quality").ways[0].asked.len(), 2, "inspection first");
    }
}
