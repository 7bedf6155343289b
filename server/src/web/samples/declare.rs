//! A site with two machines, a calendar and one cycle time, to read tables against.

use metrics::statements::Statements;
use protocol::Declaration;
use serde_json::{Value, json};

use super::{DAY_SHIFT_MS, H, head, names};
use crate::import::kinds::Kind;
use crate::import::{Against, Import, prepare};
use crate::query::{DeclareView, NamedMachine};

pub(in crate::web) struct Stated(Statements);

impl Stated {
    pub(in crate::web) fn import(&self, kind: &Kind, bytes: &[u8]) -> Import {
        let zone = crate::evaluate::csv::zone("Asia/Shanghai").expect("a zone");
        prepare(kind, bytes, &Against { statements: &self.0, zone, now_ms: DAY_SHIFT_MS + 9 * H })
    }
}

pub(in crate::web) fn declare() -> (DeclareView, Stated) {
    let mut statements = Statements::default();
    let mut leaf = 0;
    let mut state = |kind: &str, body: Value| {
        let (effective_from, author, role) = (DAY_SHIFT_MS - 720 * H, "p-1".to_owned(), "firm".to_owned());
        let declaration =
            Declaration { kind: kind.to_owned(), effective_from, author, role, reason: String::new(), body };
        statements.push(leaf, effective_from, declaration);
        leaf += 1;
    };
    state("site", json!({"names": {"zh": "厂", "en": "Works"}, "zone": "Asia/Shanghai"}));
    state(
        "calendar",
        json!({"shifts": [{"shift": "day", "start": "08:00", "end": "20:00", "weekdays": [1, 2, 3, 4, 5, 6]}]}),
    );
    for (id, zh, en) in [("press", "一号冲床", "Press 1"), ("lathe", "车床", "Lathe")] {
        state("machine", json!({"machine": id, "names": {"zh": zh, "en": en}, "signals": {}}));
    }
    state("cycle_time", json!({"machine": "press", "item_us": 12_000_000}));
    state("cycle_time", json!({"machine": "press", "product": "7", "item_us": 12_500_000}));
    let machine = |id: &str, zh: &str, en: &str| NamedMachine { id: id.into(), names: names(zh, en) };
    let machines = vec![machine("press", "一号<冲床>", "Press <1>"), machine("lathe", "车床", "Lathe")];
    (
        DeclareView {
            site: head("jh-07", "金华市永盛汽配有限公司", "Jinhua Yongsheng Auto Parts", true), machines
        },
        Stated(statements),
    )
}
