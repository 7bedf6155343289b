//! The command as people run it: words in both languages, exit codes, JSON.

#[path = "../../metrics/tests/fixture/mod.rs"]
mod fixture;

use std::path::Path;
use std::process::Command;

use fixture::{Log, World};
use metrics::{ReportRequest, evaluate};
use protocol::{Kind, LeafBody};

struct Said {
    code: Option<i32>,
    out: String,
    err: String,
}

fn run(arguments: &[&str]) -> Said {
    let out = Command::new(env!("CARGO_BIN_EXE_gongzheng-verify")).args(arguments).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Said { code: out.status.code(), out: text(out.stdout), err: text(out.stderr) }
}

fn write(folder: &Path, name: &str, bytes: &[u8]) -> String {
    let path = folder.join(name);
    std::fs::write(&path, bytes).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn the_command_says_what_it_found_and_leaves_a_code() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = Log::new(true);
    log.run(&World::new(2, 1, None), true, |_, _| true);
    let request = ReportRequest::for_dates(log.size(), "2026-03-02", "2026-03-02", None);
    let report = evaluate(&log.history(), &request).unwrap().to_json().unwrap();
    // One statement more than the report rests on.
    log.declare("cycle_time", serde_json::json!({"machine": "press", "product": "later", "item_us": 1}));
    let bundle = write(folder.path(), "b.zip", &log.bundle(&report));
    let trust = write(folder.path(), "trust.json", log.trust_json().as_bytes());

    let zh = run(&[&bundle, "--trust", &trust, "--lang", "zh"]);
    assert_eq!((zh.code, zh.err.as_str()), (Some(0), ""), "{}", zh.out);
    assert!(
        zh.out.contains("模拟数据") && zh.out.contains("核验通过") && zh.out.contains("其后另有 1 项填报"),
        "{}",
        zh.out
    );
    let en = run(&[&bundle, "--lang", "en"]);
    assert_eq!(en.code, Some(2));
    assert!(en.out.contains("SIMULATED") && en.out.contains("NOT ANCHORED"), "{}", en.out);
    let json = run(&[&bundle, "--trust", &trust, "--json"]);
    let outcome: serde_json::Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!((&outcome["verdict"], &outcome["simulated"]), (&"verified".into(), &true.into()));

    let kept = write(folder.path(), "kept.txt", log.checkpoint().as_bytes());
    let agrees = run(&[&bundle, "--trust", &trust, "--checkpoint", &kept, "--lang", "zh"]);
    assert_eq!(agrees.code, Some(0), "{}", agrees.out);
    assert!(agrees.out.contains("所存 1 个检查点均与站点日志一致"), "{}", agrees.out);
    let mut other = log.clone();
    other.leaves[2].received_ms += 1;
    let kept = write(folder.path(), "kept.txt", other.checkpoint().as_bytes());
    let rewritten = run(&[&bundle, "--trust", &trust, "--checkpoint", &kept, "--lang", "en"]);
    assert_eq!(rewritten.code, Some(1), "{}", rewritten.out);
    assert!(rewritten.out.contains("✕") && rewritten.out.contains("rewrote its log"), "{}", rewritten.out);
    let no_checkpoint = run(&[&bundle, "--checkpoint", &trust, "--lang", "en"]);
    assert_eq!(no_checkpoint.code, Some(3));
    assert!(no_checkpoint.err.contains("trust.json"), "{}", no_checkpoint.err);

    let altered = String::from_utf8(report).unwrap().replacen("\"grade\":\"A\"", "\"grade\":\"B\"", 1);
    let bundle = write(folder.path(), "altered.zip", &log.bundle(altered.as_bytes()));
    let refused = run(&[&bundle, "--trust", &trust, "--lang", "zh"]);
    assert_eq!(refused.code, Some(1));
    assert!(
        refused.out.contains("✕") && refused.out.contains("grade") && refused.out.contains("核验不通过"),
        "{}",
        refused.out
    );

    // A command line that is not understood is no verdict.
    let two = run(&[&bundle, &bundle, "--trust", &trust]);
    assert_eq!((two.code, two.out.as_str()), (Some(3), ""));
    assert!(
        two.err.contains("一次只核验一个佐证包") && two.err.contains("one bundle is checked at a time"),
        "{}",
        two.err
    );
    assert!(two.err.contains(&bundle), "{}", two.err);
    assert_eq!(run(&[&bundle, "--no-such-option"]).code, Some(3));
    assert_eq!(run(&["--help"]).code, Some(0));
    let missing = run(&["/no/such/bundle.zip", "--lang", "en"]);
    assert_eq!(missing.code, Some(3));
    assert!(missing.err.contains("/no/such/bundle.zip"), "{}", missing.err);
    let no_trust = run(&[&bundle, "--trust", &bundle, "--lang", "en"]);
    assert_eq!(no_trust.code, Some(3));
    assert!(no_trust.err.contains("trust file"), "{}", no_trust.err);
}

#[test]
fn the_figures_and_what_is_missing_are_told_in_both_languages() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = Log::new(false);
    log.run(&World::new(4, 7, None), false, |_, _| true);
    let request = ReportRequest::for_dates(log.size(), "2026-03-02", "2026-03-02", None);
    // Of the report's only date, and of six days later.
    let is_batch =
        |leaf: &&protocol::Leaf| matches!(&leaf.body, LeafBody::Record { header, .. } if header.kind == Kind::Batch);
    let mut batches = log.leaves.iter().filter(is_batch);
    for leaf in [batches.next(), batches.next_back()] {
        log.contents.remove(&leaf.and_then(protocol::Leaf::content_digest).unwrap());
    }
    let report = evaluate(&log.history(), &request).unwrap();
    let press = report.periods.iter().find(|section| section.machine == "press").unwrap();
    let value = press.line("oee.iso22400@1").unwrap().value.clone().unwrap();
    let bytes = log.bundle(&report.to_json().unwrap());
    let bundle = write(folder.path(), "b.zip", &bytes);
    let trust = write(folder.path(), "trust.json", log.trust_json().as_bytes());
    for (lang, title, period, withheld, outside) in [
        (
            "zh",
            "由签名数据重新计算的主要数值",
            "冲床 (press) · 期间 2026-03-02—2026-03-02",
            "1 条记录（签名头所记读数",
            "报告期间以外另有 1 条记录",
        ),
        (
            "en",
            "Main figures, computed again from the signed contents",
            "Press (press) · period 2026-03-02—2026-03-02",
            "not verifiable: the contents of 1 records of gateway",
            "1 records outside the report's periods",
        ),
    ] {
        let said = run(&[&bundle, "--trust", &trust, "--lang", lang]);
        assert_eq!(said.code, Some(0), "{}{}", said.out, said.err);
        for words in [title, period, withheld, outside] {
            assert!(said.out.contains(words), "{words}: {}", said.out);
        }
        let oee = said.out.lines().find(|line| line.contains("OEE")).unwrap();
        assert!(oee.contains(value.trim_end_matches('0')) && oee.ends_with(['A', 'B', 'C', 'D']), "{oee}");
    }

    let half = write(folder.path(), "half.zip", &bytes[..bytes.len() / 2]);
    for (lang, words) in [("zh", "不是完整的佐证包，无法打开（"), ("en", "not a whole bundle (")] {
        let said = run(&[&half, "--trust", &trust, "--lang", lang]);
        assert_eq!(said.code, Some(1));
        assert!(said.out.contains(words), "{}", said.out);
    }
}
