//! A check in the middle of it: drawn twice, one machine whose clamps are swapped, a face that deviates, a press that waits, one side confirmed.

use super::{DAY_SHIFT_MS, NOW_MS, head, names};
use crate::query::{
    AgreementView, OnsiteAct, OnsiteConfirmation, OnsiteDraw, OnsiteFaceView, OnsiteLine, OnsiteMachine,
    OnsitePlateView, OnsiteSheet, OnsiteView,
};

const AUTHOR: &str = "u-31";

fn machine(id: &str, zh: &str, en: &str, has_energy: bool) -> OnsiteMachine {
    OnsiteMachine {
        id: id.into(),
        names: names(zh, en),
        has_state: id != "dryer",
        has_energy,
        is_boundary: id == "main",
    }
}

fn draw(leaf: i64, drawn: Option<&[&str]>) -> OnsiteDraw {
    OnsiteDraw {
        leaf,
        at_ms: DAY_SHIFT_MS + leaf,
        author: AUTHOR.into(),
        role: "assessor".into(),
        wanted: 2,
        machines: ["dryer", "press-1", "press-2"].map(Into::into).into(),
        drawn: drawn.map(|d| d.iter().map(|m| (*m).into()).collect()),
        root: "7f".repeat(32),
    }
}

fn line(agreement: AgreementView, zh: &str, en: &str) -> OnsiteLine {
    OnsiteLine { agreement, words: names(zh, en) }
}

fn act(leaf: i64, machine: &str) -> OnsiteAct {
    OnsiteAct {
        leaf,
        at_ms: NOW_MS - 60_000,
        author: AUTHOR.into(),
        role: "assessor".into(),
        machine: machine.into(),
        drawn: machine != "dryer",
        action: None,
        face: None,
        plate: None,
        result_leaf: None,
        size: None,
        lines: Vec::new(),
        waiting: None,
    }
}

fn acts() -> Vec<OnsiteAct> {
    let face = OnsiteFaceView {
        value: "12,345.6 <kWh>".into(),
        unit: "kWh".into(),
        same_register: true,
        photo: "ab".repeat(32),
        taken_ms: NOW_MS - 90_000,
    };
    let plate = OnsitePlateView {
        serial: "S <1>".into(),
        meter_serial: "0071".into(),
        ct: Some("200/5".into()),
        seal_number: "K-9".into(),
        note: "第一行 <b>".into(),
    };
    vec![
        OnsiteAct {
            action: Some("stop".into()),
            result_leaf: Some(41_020),
            size: Some(41_019),
            lines: vec![
                line(
                    AgreementView::Differs,
                    "前后 15 秒内日志中“一号冲床”的状态未随现场停机而变",
                    "within 15 s the state of Press 1 in the log did not change when it was stopped",
                ),
                line(
                    AgreementView::Differs,
                    "同时变化的是：“二号冲床”在按下前 2.0 秒由运行变为待机。疑似两台设备的互感器、传感器或数据点互换，须查线核实",
                    "instead Press 2 went from run to idle 2.0 s before the press: clamps, sensors or tags of the two are possibly swapped; follow the cable",
                ),
            ],
            ..act(41_010, "press-1")
        },
        OnsiteAct {
            face: Some(face),
            lines: vec![line(
                AgreementView::Differs,
                "读数：表面 12345.600 kWh，日志 9259.200 kWh，偏差 3086.400 kWh（33.33 %）",
                "reading: face 12345.600 kWh, log 9259.200 kWh, deviation 3086.400 kWh (33.33 %)",
            )],
            ..act(41_022, "press-1")
        },
        OnsiteAct {
            action: Some("start".into()),
            waiting: Some(names("尚未收到该时刻的读数", "readings of that moment were not received yet")),
            ..act(41_024, "press-2")
        },
        OnsiteAct {
            plate: Some(plate),
            result_leaf: Some(41_026),
            size: Some(41_026),
            lines: vec![
                line(AgreementView::Agrees, "设备铭牌编号与填报相符", "the machine's serial number is as stated"),
                line(
                    AgreementView::Open,
                    "网关采集倍率与铭牌变比无从比对",
                    "whether the scale fits the plate cannot be told",
                ),
            ],
            ..act(41_025, "dryer")
        },
    ]
}

pub(in crate::web) fn onsite() -> OnsiteView {
    let confirmation = |side: &str, leaf: i64, is_current: bool| OnsiteConfirmation {
        side: side.into(),
        leaf,
        at_ms: NOW_MS,
        author: if side == "firm" { "u-2" } else { AUTHOR }.into(),
        role: if side == "firm" { "firm" } else { "assessor" }.into(),
        through: 41_026,
        holds: true,
        is_current,
    };
    OnsiteView {
        site: head("jh-07", "锦华精密 <冲压>", "Jinhua Precision", false),
        checks: vec!["oc-20261120-1".into(), "oc-20261121-1".into()],
        sheet: Some(OnsiteSheet {
            check: "oc-20261121-1".into(),
            body: "某市 <评测> 中心".into(),
            begun_ms: Some(DAY_SHIFT_MS),
            draws: vec![draw(41_000, Some(&["press-2", "press-1"])), draw(41_003, None)],
            acts: acts(),
            confirmations: vec![confirmation("checker", 41_030, false)],
            through: 41_026,
            digest: "cd".repeat(32),
            unconfirmed: 6,
            void: vec![41_015],
        }),
        machines: vec![
            machine("dryer", "烘干机", "Dryer", false),
            machine("main", "总表", "Incoming meter", true),
            machine("press-1", "一号冲床", "Press 1", true),
            machine("press-2", "二号冲床 <新>", "Press 2", true),
        ],
        may_check: true,
        may_confirm: false,
        may_see_photos: true,
        now_ms: NOW_MS,
    }
}
