//! Every cell of the reference's mapping table, and the rules around it.

use super::*;
use MachineState::{Fault, Idle, Maint, Off, Run, Setup, Unknown, Wait};

fn state(id: &str, observed: &[(&str, &str)]) -> MachineState {
    delivered(id).unwrap().state(&observed.iter().copied().collect())
}

#[test]
fn delivered_tables_parse_and_have_ids_of_their_own() {
    let tables: Vec<Vocabulary> = DELIVERED.iter().map(|j| Vocabulary::parse(j).unwrap()).collect();
    for (i, t) in tables.iter().enumerate() {
        assert!(t.id.split_once('@').is_some_and(|(_, v)| v.parse::<u32>().is_ok()), "{}", t.id);
        assert!(tables.iter().skip(i + 1).all(|o| o.id != t.id), "{}", t.id);
        assert!(!t.names.zh.is_empty() && !t.names.en.is_empty() && !t.source.is_empty());
    }
}

#[test]
fn packml_depends_on_mode_and_numbering() {
    let tmc = "packml.tmc@1";
    let expected = [Idle, Idle, Idle, Run, Run, Run, Idle, Fault, Fault, Idle, Fault, Wait, Wait, Run, Idle, Idle, Run];
    for (code, wanted) in expected.iter().enumerate() {
        assert_eq!(state(tmc, &[("state", &code.to_string()), ("mode", "1")]), *wanted, "state {code}");
        assert_eq!(delivered(tmc).unwrap().codes().get(&code.to_string()), Some(wanted), "without a mode signal");
    }
    assert_eq!(state(tmc, &[("state", "4"), ("mode", "2")]), Maint);
    assert_eq!(state(tmc, &[("state", "4"), ("mode", "3")]), Setup);
    assert_eq!(state(tmc, &[("state", "17"), ("mode", "2")]), Unknown);
    assert_eq!(state(tmc, &[("mode", "2")]), Unknown, "a mode alone says nothing");
    assert_eq!(state("packml.packtags@1", &[("state", "6")]), Run, "6 is Execute there and Complete here");
    assert_eq!(state("packml.packtags@1", &[("state", "1")]), Fault);
}

#[test]
fn opc_ua_machinery_combines_state_and_mode() {
    let at = |s: &str, m: &str| state("opcua.machinery@1", &[("state", s), ("mode", m)]);
    for mode in ["0", "1", "2", "3"] {
        assert_eq!(at("0", mode), Off, "not available, mode {mode}");
    }
    assert_eq!([at("1", "3"), at("1", "0"), at("1", "1"), at("1", "2")], [Fault, Fault, Maint, Setup]);
    assert_eq!([at("2", "3"), at("2", "0"), at("2", "1"), at("2", "2")], [Idle, Idle, Maint, Setup]);
    assert_eq!([at("3", "3"), at("3", "1"), at("3", "2")], [Run, Maint, Setup]);
    assert_eq!(at("4", "3"), Unknown);
    let codes = delivered("opcua.machinery@1").unwrap().codes();
    assert_eq!(codes.values().copied().collect::<Vec<_>>(), [Off, Fault, Idle, Run]);
}

#[test]
fn mtconnect_takes_functional_mode_and_condition_into_account() {
    let at = |observed: &[(&str, &str)]| state("mtconnect.execution@1", observed);
    assert_eq!(at(&[("execution", "ACTIVE")]), Run);
    assert_eq!(at(&[("execution", "ACTIVE"), ("condition", "FAULT")]), Run, "a fault that does not stop is a warning");
    assert_eq!(at(&[("execution", "INTERRUPTED"), ("condition", "FAULT")]), Fault);
    assert_eq!(at(&[("execution", "INTERRUPTED"), ("condition", "NORMAL")]), Idle);
    assert_eq!(at(&[("execution", "ACTIVE"), ("functional_mode", "SETUP")]), Setup);
    assert_eq!(at(&[("execution", "READY"), ("functional_mode", "MAINTENANCE")]), Maint);
    assert_eq!(at(&[("execution", "WAIT")]), Wait);
    assert_eq!(at(&[("execution", "UNAVAILABLE"), ("functional_mode", "SETUP")]), Unknown);
    assert_eq!(at(&[("execution", "UNAVAILABLE"), ("power", "off")]), Off);
    for idle in [
        "READY",
        "STOPPED",
        "PROGRAM_STOPPED",
        "PROGRAM_COMPLETED",
        "OPTIONAL_STOP",
        "PROGRAM_OPTIONAL_STOP",
        "FEED_HOLD",
    ] {
        assert_eq!(at(&[("execution", idle)]), Idle, "{idle}");
    }
}

#[test]
fn euromap_production_status_counts_only_in_automatic_modes() {
    for id in ["euromap.77@1", "euromap.83@1"] {
        let at = |mode: &str, status: &str| state(id, &[("machine_mode", mode), ("production_status", status)]);
        assert_eq!([at("1", "4"), at("2", "4")], [Run, Run]);
        assert_eq!([at("1", "1"), at("1", "3"), at("1", "0")], [Idle, Idle, Unknown]);
        assert_eq!([at("3", "4"), at("4", "4"), at("5", "4"), at("0", "4")], [Setup, Setup, Idle, Unknown]);
        let table = delivered(id).unwrap();
        let dry = table.resolve(&BTreeMap::from([("machine_mode", "1"), ("production_status", "5")])).unwrap();
        assert!(dry.state == Run && dry.non_product);
        assert_eq!(state(id, &[("machine_mode", "1"), ("production_status", "1"), ("alarm", "1")]), Fault);
        assert_eq!(state(id, &[("machine_mode", "1"), ("production_status", "4"), ("alarm", "1")]), Run);
    }
}

#[test]
fn lamps_contacts_and_plain_codes() {
    assert_eq!(state("lamps@1", &[("green", "1"), ("red", "1"), ("yellow", "0")]), Fault);
    assert_eq!(state("lamps@1", &[("green", "0"), ("red", "0"), ("yellow", "1")]), Idle);
    assert_eq!(state("lamps@1", &[("green", "0"), ("red", "0"), ("yellow", "0")]), Unknown, "dark is not off");
    assert_eq!(state("contacts@1", &[("run", "1"), ("maintenance", "1")]), Maint);
    assert_eq!(state("contacts@1", &[("run", "1"), ("setup", "0")]), Run);
    assert_eq!(state("contacts@1", &[("run", "0"), ("waiting", "1")]), Wait);
    for s in MachineState::ALL {
        assert_eq!(state("canonical@1", &[("state", &s.code().to_string())]), s);
    }
    assert_eq!(state("opcua.cnc@1", &[("state", "2")]), Wait);
    assert_eq!(state("opcua.machinetool@1", &[("state", "0")]), Run);
}

#[test]
fn a_row_that_can_never_decide_is_refused() {
    let table = |rows: &str| {
        Vocabulary::parse(&format!(
            r#"{{"id":"t@1","names":{{"zh":"t","en":"t"}},"source":"t","signals":["state","mode"],"rows":[{rows}]}}"#
        ))
    };
    let general = r#"{"name":"any","when":{"state":["1","2"]},"state":"run"}"#;
    let special = r#"{"name":"one","when":{"state":["1"],"mode":["2"]},"state":"setup"}"#;
    assert!(table(&format!("{special},{general}")).is_ok());
    assert!(table(&format!("{general},{special}")).is_err());
    assert!(table(r#"{"name":"x","when":{"lamp":["1"]},"state":"run"}"#).is_err());
    assert!(table(r#"{"name":"x","when":{},"state":"run"}"#).is_err());
}

#[test]
fn of_conflicting_signals_the_graver_prevails_unless_parts_are_counted() {
    assert_eq!(prevailing(&[Run, Fault], false), Fault);
    assert_eq!(prevailing(&[Run, Fault], true), Run);
    assert_eq!(prevailing(&[Idle, Fault], true), Fault, "nothing runs");
    assert_eq!(prevailing(&[Run, Unknown], true), Unknown);
    assert_eq!(prevailing(&[Off, Wait, Maint], false), Maint);
    assert_eq!(prevailing(&[], false), Unknown);
}

#[test]
fn a_flicker_is_not_a_change_and_the_unknown_is_never_smoothed_away() {
    let samples = [
        (0, Run),
        (1_000, Idle),
        (2_000, Run),
        (3_000, Unknown),
        (4_000, Run),
        (5_000, Idle),
        (6_000, Idle),
        (7_000, Run),
    ];
    let states: Vec<MachineState> = debounce(&samples, DEBOUNCE_MS).into_iter().map(|s| s.1).collect();
    assert_eq!(states, [Run, Run, Run, Unknown, Run, Idle, Idle, Run]);
}
