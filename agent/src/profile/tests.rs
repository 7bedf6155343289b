//! The profiles of the program: all load, all golden frames decode, and nothing in them contradicts itself.

use std::path::Path;
use std::time::Duration;

use proptest::prelude::*;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::fingerprint::{Answers, Fingerprint, Outcome, reads, suggest};
use super::golden::{Asked, is};
use super::{BUILTIN, Profile, Protocol};
use crate::config::Config;
use crate::config::device::{Carrier, Place};
use crate::config::problem::Problems;
use crate::locale::Lang;
use crate::source::modbus::client::{Ask, Connection, Payload};
use crate::source::modbus::decode::decode;
use crate::source::modbus::plan::Request;
use crate::source::modbus::rtu::{Answer, judge};

fn all() -> Vec<Profile> {
    super::all().unwrap_or_else(|problems| panic!("{problems}"))
}

#[test]
fn every_file_of_the_folder_is_in_the_program() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs/devices");
    let mut files: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap().strip_suffix(".toml").unwrap().to_owned())
        .collect();
    files.sort();
    let listed: Vec<&str> = BUILTIN.iter().map(|(id, _)| *id).collect();
    assert_eq!(listed, files, "configs/devices and profile/builtin.rs must agree, in the order of names");
}

#[test]
fn every_profile_cites_a_source_with_a_day() {
    for profile in all() {
        assert!(!profile.sources.is_empty(), "{}", profile.id);
        for source in &profile.sources {
            let day = source.date.parse::<toml::value::Datetime>().ok();
            assert!(day.is_some_and(|d| d.date.is_some() && d.time.is_none()), "{}: {}", profile.id, source.date);
        }
    }
}

/// A configuration with one device of this profile on every carrier it may have.
fn configuration(profile: &Profile, more: &str) -> String {
    let id = &profile.id;
    let device = |name: &str, place: &str| {
        format!("[[device]]\nname = \"{name}\"\nprofile = \"{id}\"\nct_ratio_line\n{place}\n{more}\n")
    };
    let devices = match profile.protocol {
        Protocol::OpcUa => device("a", "endpoint = \"opc.tcp://10.0.0.5:4840\""),
        Protocol::Dlt645 => {
            device("a", "port = \"/dev/ttyUSB0\"\nmeter = \"000012345678\"")
                + &device("b", "address = \"10.0.0.5:4001\"\nmeter = \"000012345679\"")
        }
        Protocol::Modbus => {
            device("a", "port = \"/dev/ttyUSB0\"\nunit = 1")
                + &device("b", "address = \"10.0.0.5:502\"")
                + &device("c", "protocol = \"modbus_rtu_over_tcp\"\naddress = \"10.0.0.5:4001\"\nunit = 1")
        }
    };
    let uses_ct = profile.tags.iter().any(|t| t.ratio.is_some());
    let devices = devices.replace("ct_ratio_line", if uses_ct { "ct_ratio = 1" } else { "" });
    format!("[gateway]\nstate_dir = \"/tmp/gz\"\n{devices}")
}

#[test]
fn every_profile_passes_the_checks_of_a_configuration_without_a_warning() {
    for profile in all() {
        let expected = profile.tags.iter().filter(|t| !t.optional).count();
        let (config, warnings) = Config::parse(&configuration(&profile, ""), Path::new("agent.toml"))
            .unwrap_or_else(|problems| panic!("{}: {problems}", profile.id));
        // A controller whose registers only its programmer knows gives nothing by itself, and that is said.
        let silent = warnings.iter().all(|w| w.what.en.contains("has no tags"));
        assert!(if expected == 0 { silent && !warnings.is_empty() } else { warnings.is_empty() }, "{warnings:?}");
        for device in &config.devices {
            assert_eq!(device.tags.len(), expected, "{}", profile.id);
            assert_eq!(device.profile.as_deref(), Some(profile.label.as_str()));
        }
        let names: Vec<String> = profile.tags.iter().map(|t| format!("\"{}\"", t.tag.name())).collect();
        let every = format!("interval_ms = 60000\ntags = [{}]", names.join(", "));
        let (config, _) = Config::parse(&configuration(&profile, &every), Path::new("agent.toml"))
            .unwrap_or_else(|problems| panic!("{}: {problems}", profile.id));
        assert_eq!(config.devices[0].tags.len(), profile.tags.len(), "{}", profile.id);
        config.configuration().unwrap_or_else(|e| panic!("{}: {e}", profile.id));
    }
}

#[test]
fn every_profile_of_a_frame_protocol_has_a_golden_frame_with_values() {
    for profile in all().iter().filter(|p| p.protocol != Protocol::OpcUa) {
        assert!(profile.golden.iter().any(|golden| !golden.expect.is_empty()), "{}", profile.id);
    }
}

/// A device that answers every question with the golden frame it belongs to, on RTU through TCP or on Modbus TCP.
async fn device(listener: TcpListener, answer: Vec<u8>, is_tcp: bool) {
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut asked = [0u8; 12];
    if is_tcp {
        stream.read_exact(&mut asked).await.unwrap();
        let pdu = &answer[1..answer.len() - 2];
        let length = u16::try_from(pdu.len() + 1).unwrap().to_be_bytes();
        let mut frame = vec![asked[0], asked[1], 0, 0, length[0], length[1], asked[6]];
        frame.extend_from_slice(pdu);
        stream.write_all(&frame).await.unwrap();
    } else {
        stream.read_exact(&mut asked[..8]).await.unwrap();
        stream.write_all(&answer).await.unwrap();
    }
    // The reader closes first.
    let _ = stream.read(&mut asked).await;
}

#[tokio::test]
async fn every_golden_frame_decodes_on_its_way_through_a_real_connection() {
    let mut values = 0;
    for profile in all() {
        for golden in &profile.golden {
            let Asked::Modbus(question) = golden.asked else { continue };
            for is_tcp in [false, true] {
                let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                let address = listener.local_addr().unwrap().to_string();
                let task = tokio::spawn(device(listener, golden.answer.clone(), is_tcp));
                let carrier = if is_tcp { Carrier::Tcp(address) } else { Carrier::RtuOverTcp(address) };
                let mut connection = Connection::new(carrier);
                let timeout = Duration::from_secs(20);
                connection.open(timeout, Duration::ZERO).await.unwrap();
                let ask = Ask {
                    unit: question.unit,
                    timeout,
                    late: timeout,
                    pause: Duration::ZERO,
                    count_max: question.count,
                };
                let request = Request {
                    area: question.area,
                    address: question.address,
                    count: question.count,
                    placed: Vec::new(),
                };
                let payload = connection.read(ask, &request).await.unwrap();
                for (name, expected) in &golden.expect {
                    let Place::Modbus { address, count, encoding, .. } = &profile.tag(name).unwrap().tag.place else {
                        panic!("{} {name}", profile.id);
                    };
                    let from = usize::from(address - question.address);
                    let value = match &payload {
                        Payload::Words(words) => decode(&words[from..from + usize::from(*count)], *encoding).unwrap(),
                        Payload::Bits(bits) => protocol::Value::Bool(bits[from]),
                    };
                    assert!(is(&value, expected), "{} {name}: {value} instead of {expected}", profile.id);
                    values += 1;
                }
                drop(connection);
                task.await.unwrap();
            }
        }
    }
    assert!(values >= 2 * BUILTIN.len() / 2, "only {values} values were compared");
}

#[test]
fn no_fingerprint_contradicts_a_golden_frame_of_its_own_profile() {
    for profile in all() {
        for fingerprint in &profile.fingerprints {
            let Fingerprint::Tag { name, expect } = fingerprint else { continue };
            let tag = &profile.tag(name).unwrap().tag;
            for value in profile.golden.iter().filter_map(|golden| golden.value_of(tag)) {
                assert!(expect.fits(tag, &value), "{}: {name} is {value}, not {expect}", profile.id);
            }
        }
    }
}

/// What a scan would learn from a device that holds exactly the golden frames.
fn answers_of(profile: &Profile, profiles: &[Profile]) -> Answers {
    let mut answers = Answers::default();
    for read in reads(profiles) {
        for golden in &profile.golden {
            let Asked::Modbus(question) = golden.asked else { continue };
            let Answer::Data(data) = judge(&golden.answer, &question) else { continue };
            if question.area != read.area {
                continue;
            }
            let words: Vec<u16> = data.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect();
            let Some(from) = read.address.checked_sub(question.address).map(usize::from) else { continue };
            if let Some(span) = words.get(from..from + usize::from(read.count)) {
                answers.reads.insert(read, Outcome::Words(span.to_vec()));
            }
        }
    }
    answers
}

#[test]
fn a_device_that_holds_the_golden_frames_of_a_profile_is_recognised_as_it() {
    let profiles = all();
    let mut recognised = 0;
    for profile in &profiles {
        let answers = answers_of(profile, &profiles);
        let has_own = profile.fingerprints.iter().any(|fingerprint| match fingerprint {
            Fingerprint::Tag { name, .. } => {
                let tag = &profile.tag(name).unwrap().tag;
                profile.golden.iter().any(|golden| golden.value_of(tag).is_some())
            }
            Fingerprint::Namespace(_) => false,
        });
        let suggestions = suggest(&profiles, &answers);
        assert_eq!(suggestions.iter().any(|s| s.profile.id == profile.id), has_own, "{}", profile.id);
        if let Some(best) = suggestions.first().filter(|_| has_own) {
            let own = suggestions.iter().find(|s| s.profile.id == profile.id).unwrap();
            assert!(own.score > 0 && best.score >= own.score && own.why[0].zh.contains("符合"));
            recognised += 1;
        }
    }
    assert!(recognised > 0);
}

const WRITTEN: &str = r#"id = "maker-model"
version = 3
title_zh = "表"
title_en = "meter"
protocol = "modbus"

[[source]]
title = "manual"
date = "2026-11-28"
verified = true

[[tag]]
name = "model"
area = "holding"
address = 10
type = "u16"
role = "identity"

[[tag]]
name = "frequency"
area = "input"
address = 70
type = "f32"
unit = "Hz"

[[fingerprint]]
tag = "model"
equals = 7

[[fingerprint]]
tag = "frequency"
min = 45
max = 65

[[golden]]
origin = "by hand"
request = "01 03 00 0A 00 01 A4 08"
answer = "01 03 02 00 07 F9 86"
expect = { model = 7 }
"#;

fn refused(text: &str) -> Problems {
    Profile::parse(text, "maker-model.toml").expect_err("must be refused")
}

fn check(from: &str, to: &str, zh: &str, en: &str) {
    assert_eq!(WRITTEN.matches(from).count(), 1, "{from}");
    let problems = refused(&WRITTEN.replace(from, to));
    let (zh_text, en_text) = (problems.render(Lang::Zh), problems.render(Lang::En));
    assert!(zh_text.contains(zh) && zh_text.contains("maker-model.toml"), "missing {zh:?} in:\n{zh_text}");
    assert!(en_text.contains(en) && en_text.contains("maker-model.toml"), "missing {en:?} in:\n{en_text}");
}

#[test]
fn a_profile_reads_as_written() {
    let profile = Profile::parse(WRITTEN, "folder/maker-model.toml").unwrap();
    assert_eq!((profile.id.as_str(), profile.version, profile.tags.len()), ("maker-model", 3, 2));
    assert!(profile.label.starts_with("maker-model@3 sha256:") && profile.label.len() == 37, "{}", profile.label);
    let model = &profile.tag("model").unwrap().tag;
    assert_eq!(model.interval_ms, 86_400_000, "identity is read daily");
    assert_eq!(profile.tag("frequency").unwrap().tag.interval_ms, 1_000);
}

#[test]
fn a_wrong_profile_is_refused_with_its_file_in_both_languages() {
    let source = "[[source]]\ntitle = \"manual\"\ndate = \"2026-11-28\"\nverified = true\n";
    check(source, "", "档案没有写出处", "the profile names no source");
    check("verified = true\n", "", "[[source]] 缺少 `note_zh`", "[[source]] needs `note_en`");
    check("id = \"maker-model\"", "id = \"other\"", "与文件名 `maker-model` 不同", "differs from the file's name");
    check("version = 3\n", "", "缺少 `version`", "needs `version`");
    check("title_en = \"meter\"\n", "", "缺少 `title_en`", "needs `title_en`");
    check("tag = \"model\"", "tag = \"modle\"", "是不是 `model`？", "did you mean `model`?");
    check("equals = 7", "colour = 7", "特征没有写清期望的值", "does not say what it expects");
    check("min = 45\nmax = 65", "min = 65\nmax = 45", "特征没有写清", "does not say what it expects");
    check("model = 7 }", "model = 8 }", "`model` 是 7，期望 8", "holds 7 as `model`, expected 8");
    check("model = 7 }", "frequency = 7 }", "解不出 `frequency`", "holds no value of `frequency`");
    check("00 07 F9 86", "00 07 F9 87", "checksum does not match", "`answer` does not answer this request");
    check("A4 08\"", "A4 09\"", "`request` 不是一帧 modbus 读请求", "`request` is not a modbus read request");
    check("01 03 00 0A 00 01 A4 08", "01 06 00 0A 00 01 68 08", "不是一帧 modbus 读请求", "not a modbus read request");
    check("address = 70", "adress = 70", "是不是 `address`？", "did you mean `address`?");
    let defaults = |line: &str| format!("protocol = \"modbus\"\n[defaults]\n{line}\n");
    let head = "protocol = \"modbus\"\n";
    check(head, &defaults("baud = 96"), "`baud = 96` 超出范围", "`baud = 96` is out of range");
    check(head, &defaults("address = \"h:502\""), "未知的配置项 `address`", "unknown key `address`");
    check(head, &defaults("unit = 1"), "未知的配置项 `unit`", "unknown key `unit`");
    check(head, "protocol = \"modbus\"\n[ratio]\n", "[ratio] 缺少 `note_zh`", "[ratio] needs `note_zh`");
}

#[test]
fn a_profile_is_suggested_when_something_fits_and_nothing_contradicts() {
    let other = WRITTEN.replace("maker-model", "maker-other").replace("equals = 7", "equals = 9");
    let other = other.replace("model = 7 }", "frequency = 0 }").split("[[golden]]").next().unwrap().to_owned();
    let plain = WRITTEN.split("[[golden]]").next().unwrap();
    let profiles =
        [Profile::parse(&other, "maker-other.toml").unwrap(), Profile::parse(plain, "maker-model.toml").unwrap()];
    let [frequency, model] = reads(&profiles)[..] else { panic!("two distinct reads") };
    let (frequency, model) = if model.address == 10 { (frequency, model) } else { (model, frequency) };
    let fifty = 50f32.to_bits();
    let fifty = Outcome::Words(vec![(fifty >> 16) as u16, fifty as u16]);
    let names = |answers: &[(super::fingerprint::Read, Outcome)]| -> Vec<(String, u32)> {
        let answers = Answers { reads: answers.iter().cloned().collect(), ..Answers::default() };
        suggest(&profiles, &answers).iter().map(|s| (s.profile.id.clone(), s.score)).collect()
    };
    // The model code decides; without it both are possible; a refused address and a value out of range exclude.
    let seven = (model, Outcome::Words(vec![7]));
    assert_eq!(names(&[seven.clone(), (frequency, fifty.clone())]), [("maker-model".to_owned(), 13)]);
    let both = [("maker-model".to_owned(), 3), ("maker-other".to_owned(), 3)];
    assert_eq!(names(&[(frequency, fifty.clone())]), both);
    assert_eq!(names(&[(model, Outcome::Refused), (frequency, fifty)]), []);
    assert_eq!(names(&[seven, (frequency, Outcome::Words(vec![0, 0]))]), []);
    assert_eq!(names(&[]), []);
}

#[test]
fn an_opcua_server_is_recognised_by_its_namespace() {
    let profiles = all();
    for profile in profiles.iter().filter(|p| p.protocol == Protocol::OpcUa) {
        for fingerprint in &profile.fingerprints {
            let Fingerprint::Namespace(uri) = fingerprint else { panic!("{}", profile.id) };
            let answers = Answers { namespaces: [uri.clone()].into(), ..Answers::default() };
            let suggestions = suggest(&profiles, &answers);
            assert!(suggestions.iter().any(|s| s.profile.id == profile.id && s.why[0].en.contains(uri)));
        }
    }
}

proptest! {
    /// Whatever stands in a profile, it is read or refused, never a panic.
    #[test]
    fn any_text_is_read_or_refused(cut in 0usize..700, line in "[a-z_]{1,12} = ([0-9]{1,6}|\"[ -~]{0,12}\"|\\[\\])", keep in 0usize..700) {
        let from: String = WRITTEN.chars().take(cut).collect();
        let rest: String = WRITTEN.chars().skip(keep).collect();
        if let Err(problems) = Profile::parse(&format!("{from}\n{line}\n{rest}"), "maker-model.toml") {
            prop_assert!(problems.is_fatal());
        }
    }
}
