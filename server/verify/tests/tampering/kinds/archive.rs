//! The archive and its manifest: what neither a signature nor a root covers.

use protocol::bundle::{self, Files};
use protocol::declaration::canonical_json;
use protocol::sha256;
use serde_json::{Value as Json, json};

use super::{Change, Class, Kind, Refusal};
use crate::tampering::corpus::{Corpus, GATEWAYS};

type OfManifest = fn(&mut Json);

const MANIFEST: &[(&str, OfManifest)] = &[
    ("manifest: another format", |m| m["format"] = json!("other-bundle")),
    ("manifest: a version to come", |m| m["version"] = json!(2)),
    ("manifest: another site", |m| m["site"] = json!("other")),
    ("manifest: another origin", |m| m["origin"] = json!("best.example/demo")),
    ("manifest: another size", |m| m["size"] = json!(7)),
    ("manifest: a field nobody knows", |m| m["note"] = json!("x")),
    ("manifest: a field left out", |m| drop(m.as_object_mut().unwrap().remove("origin"))),
    ("manifest: no list of files", |m| drop(m.as_object_mut().unwrap().remove("files"))),
    ("manifest: a file left out", |m| drop(files(m).pop())),
    ("manifest: a file that is not there", |m| {
        let last = files(m).last().unwrap().clone();
        files(m).push(last);
        files(m).last_mut().unwrap()["path"] = json!("tile/entries/001");
    }),
    ("manifest: a file twice", |m| {
        let last = files(m).last().unwrap().clone();
        files(m).push(last);
    }),
    ("manifest: files in another order", |m| files(m).swap(0, 1)),
    ("manifest: another path", |m| files(m)[0]["path"] = json!("README.txt")),
    ("manifest: another length", |m| files(m)[0]["length"] = json!(3)),
    ("manifest: another digest", |m| files(m)[0]["sha256"] = json!("ab".repeat(32))),
    ("manifest: every content left out", |m| {
        files(m).retain(|f| !f["path"].as_str().unwrap().starts_with("contents/"))
    }),
    ("manifest: another path of a content", |m| content(m)["path"] = json!(format!("contents/{}", "00".repeat(32)))),
    ("manifest: another length of a content", |m| content(m)["length"] = json!(3)),
    ("manifest: another digest of a content", |m| content(m)["sha256"] = json!("ab".repeat(32))),
    ("manifest: another content's digest", |m| {
        let digest =
            files(m).iter().rfind(|f| f["path"].as_str().unwrap().starts_with("contents/")).unwrap()["sha256"].clone();
        content(m)["sha256"] = digest;
    }),
];

fn files(manifest: &mut Json) -> &mut Vec<Json> {
    manifest["files"].as_array_mut().unwrap()
}

/// The first content it lists.
fn content(manifest: &mut Json) -> &mut Json {
    files(manifest).iter_mut().find(|f| f["path"].as_str().unwrap().starts_with("contents/")).unwrap()
}

/// The bundle with other bytes for its manifest.
fn with_manifest(bytes: &[u8], change: impl Fn(Vec<u8>) -> Vec<u8>) -> Vec<u8> {
    let mut all = bundle::read(bytes).unwrap();
    let manifest = change(all.remove("manifest.json").unwrap());
    let rest = all.iter().map(|(path, bytes)| (path.as_str(), bytes.as_slice()));
    bundle::write_files([("manifest.json", manifest.as_slice())].into_iter().chain(rest)).unwrap()
}

type OfFiles = fn(&mut Files);

const FILES: &[(&str, OfFiles, Refusal2)] = &[
    ("file: the checkpoint left out", |f| drop(f.remove("checkpoint")), ("archive", "checkpoint")),
    ("file: the report left out", |f| drop(f.remove("report.json")), ("report", "report.json")),
    ("file: the leaves left out", |f| f.retain(|path, _| !path.starts_with("tile/")), ("tree", "tile/entries")),
    (
        "file: the leaves under another name",
        |f| {
            let path = tile(f);
            let leaves = f.remove(&path).unwrap();
            f.insert("tile/entries/000".into(), leaves);
        },
        ("tree", "tile/entries/000.p/"),
    ),
    (
        "file: leaves of no log beside the others",
        |f| drop(f.insert("tile/entries/001".into(), vec![0, 1, 7])),
        ("archive", "tile/entries/001"),
    ),
    (
        "file: leaves cut short",
        |f| {
            let path = tile(f);
            let leaves = f.get_mut(&path).unwrap();
            leaves.truncate(leaves.len() - 9);
        },
        ("tree", "tile/entries/000.p/"),
    ),
    (
        "file: leaves with something behind them",
        |f| {
            let path = tile(f);
            f.get_mut(&path).unwrap().extend([0, 1, 7]);
        },
        ("tree", "tile/entries/000.p/"),
    ),
    (
        "file: another report beside the one",
        |f| drop(f.insert("report-final.pdf".into(), b"%PDF-1.7".to_vec())),
        ("archive", "report-final.pdf"),
    ),
    (
        "file: a page beside the report",
        |f| drop(f.insert("index.html".into(), b"<p>OEE 99 %".to_vec())),
        ("archive", "index.html"),
    ),
    (
        "file: a content that no leaf names",
        |f| {
            let content = b"{}".to_vec();
            f.insert(format!("contents/{}", sha256(&content)), content);
        },
        ("archive", "contents/"),
    ),
    (
        "file: a content whose name is no digest",
        |f| drop(f.insert("contents/better".into(), b"{}".to_vec())),
        ("archive", "contents/better"),
    ),
    (
        "file: the report that is no JSON",
        |f| drop(f.insert("report.json".into(), b"OEE 99 %".to_vec())),
        ("report", "report.json"),
    ),
    ("file: the report empty", |f| drop(f.insert("report.json".into(), b"{}".to_vec())), ("report", "report.json")),
    (
        "file: the report with spaces",
        |f| {
            let spaced = String::from_utf8(f["report.json"].clone()).unwrap().replacen("\":", "\": ", 1);
            f.insert("report.json".into(), spaced.into_bytes());
        },
        ("report", "report.json: not in canonical form"),
    ),
];

type Refusal2 = (&'static str, &'static str);

fn tile(files: &Files) -> String {
    files.keys().find(|path| path.starts_with("tile/entries/")).unwrap().clone()
}

type OfBytes = fn(&[u8]) -> Vec<u8>;

const ARCHIVE: &[(&str, OfBytes)] = &[
    ("archive: uploaded by half", |b| b[..b.len() / 2].to_vec()),
    ("archive: its last byte missing", |b| b[..b.len() - 1].to_vec()),
    ("archive: empty", |_| Vec::new()),
    ("archive: something else altogether", |_| b"%PDF-1.7 not a bundle".to_vec()),
    ("archive: bytes before it", |b| [b"MZ", b].concat()),
    ("archive: bytes behind it", |b| [b, b"MZ".as_slice()].concat()),
    ("archive: a file twice", |b| {
        let all = bundle::read(b).unwrap();
        // Neither reader nor writer would do it: the second copy takes the name of a file as long.
        let mut bytes = bundle::write_files(
            all.iter().map(|(p, b)| (p.as_str(), b.as_slice())).chain([("report.jsoN", b"{}".as_slice())]),
        )
        .unwrap();
        replace(&mut bytes, b"report.jsoN", b"report.json");
        bytes
    }),
    ("archive: a path out of it", |b| {
        let mut all = bundle::read(b).unwrap();
        all.insert("../report.json".into(), b"{}".to_vec());
        bundle::write_files(all.iter().map(|(p, b)| (p.as_str(), b.as_slice()))).unwrap()
    }),
    ("archive: packed so that it would fill the memory", |b| {
        let zeros = vec![0; 9 << 20];
        let all = bundle::read(b).unwrap();
        let names: Vec<String> = (0..9).map(|n| format!("tile/entries/{n:03}")).collect();
        let bomb = names.iter().map(|name| (name.as_str(), zeros.as_slice()));
        bundle::write_files(all.iter().map(|(p, b)| (p.as_str(), b.as_slice())).chain(bomb)).unwrap()
    }),
    ("archive: a file said to be shorter", |b| directory(b, 24)),
    ("archive: a file that goes on by a byte behind its stated end", |b| longer(b, "README.md", b"x")),
    ("archive: a file that goes on for ever behind its stated end", |b| longer(b, "README.md", &[0; 9 << 20])),
    ("archive: a report that goes on behind its stated end", |b| longer(b, "report.json", b" ")),
    ("archive: a manifest that goes on behind its stated end", |b| longer(b, "manifest.json", b" ")),
    ("archive: a file with another checksum", |b| directory(b, 16)),
    ("archive: a file said to be packed otherwise", |b| directory(b, 10)),
    ("archive: a file said to be encrypted", |b| directory(b, 8)),
];

fn replace(bytes: &mut [u8], from: &[u8], to: &[u8]) {
    for at in 0..bytes.len() - from.len() {
        if bytes[at..].starts_with(from) {
            bytes[at..at + to.len()].copy_from_slice(to);
        }
    }
}

/// Packs a file with more behind it than directory, local header, checksum and manifest say: a reader who stops at the stated length sees
/// nothing wrong.
fn longer(bytes: &[u8], path: &str, more: &[u8]) -> Vec<u8> {
    // Checksum, packed length, length, as they stand before the file and in the directory.
    let stated = |bytes: &[u8]| {
        let one = bundle::write_files([(path, bytes)]).unwrap();
        let entry = one.windows(4).position(|w| w == b"PK\x01\x02").unwrap();
        one[entry + 16..entry + 28].to_vec()
    };
    let mut all = bundle::read(bytes).unwrap();
    let file = all.get_mut(path).unwrap();
    let short = stated(file);
    file.extend(more);
    let long = stated(file);
    let manifest = all.remove("manifest.json").unwrap();
    let files = all.iter().map(|(path, bytes)| (path.as_str(), bytes.as_slice()));
    let mut bytes = bundle::write_files([("manifest.json", manifest.as_slice())].into_iter().chain(files)).unwrap();
    let lie = [&short[..4], &long[4..8], &short[8..]].concat();
    replace(&mut bytes, &long, &lie);
    bytes
}

/// Changes a byte of the first file's entry in the archive's directory.
fn directory(bytes: &[u8], at: usize) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let entry = bytes.windows(4).position(|w| w == b"PK\x01\x02").unwrap();
    bytes[entry + at] ^= 1;
    bytes
}

pub fn kinds(corpus: &Corpus) -> Vec<Kind> {
    let kind = |name: &str, change| Kind::new(Class::Archive, name, change);
    let mut all: Vec<Kind> = Vec::new();
    for (name, change) in MANIFEST {
        let bytes = move |bytes: &[u8], _: &Corpus| {
            with_manifest(bytes, |manifest| {
                let mut json = serde_json::from_slice(&manifest).unwrap();
                change(&mut json);
                canonical_json(&json).unwrap()
            })
        };
        all.push(kind(name, Change::Archive(Box::new(bytes), ("manifest", String::new()))));
    }
    let spaced = |bytes: &[u8], _: &Corpus| {
        with_manifest(bytes, |m| String::from_utf8(m).unwrap().replacen("\":", "\": ", 1).into_bytes())
    };
    let refusal = || -> Refusal { ("manifest", "manifest.json".to_owned()) };
    all.push(kind("manifest: not in canonical form", Change::Archive(Box::new(spaced), refusal())));
    let cut = |bytes: &[u8], _: &Corpus| with_manifest(bytes, |m| m[..m.len() / 2].to_vec());
    let without = |bytes: &[u8], _: &Corpus| {
        let mut all = bundle::read(bytes).unwrap();
        all.remove("manifest.json");
        bundle::write_files(all.iter().map(|(p, b)| (p.as_str(), b.as_slice()))).unwrap()
    };
    all.push(kind("manifest: left out", Change::Archive(Box::new(without), refusal())));
    all.push(kind("manifest: cut short", Change::Archive(Box::new(cut), refusal())));
    all.extend(
        FILES.iter().map(|(name, change, (step, place))| {
            kind(name, Change::Files(Box::new(change), (step, (*place).to_owned())))
        }),
    );
    all.extend(ARCHIVE.iter().map(|(name, change)| {
        let bytes = move |bytes: &[u8], _: &Corpus| change(bytes);
        kind(name, Change::Archive(Box::new(bytes), ("archive", String::new())))
    }));
    // Contents that a number rests on, and that the chain rests on.
    for (name, gateway, of, code) in [
        ("file: the content of a record withheld that a number rests on", 0, protocol::Kind::Batch, "report"),
        ("file: a tag table withheld", 0, protocol::Kind::Configuration, "chain"),
        ("file: the beginning of a chain withheld", 0, protocol::Kind::ChainStart, "chain"),
        ("file: what was lost withheld", 1, protocol::Kind::Lost, "chain"),
        ("file: a key change withheld", 1, protocol::Kind::KeyChange, "chain"),
    ] {
        let leaf = *corpus.copy.records(GATEWAYS[gateway], of).last().unwrap();
        let path = format!("contents/{}", corpus.copy.leaf(leaf).content_digest().unwrap());
        let place = if code == "report" { "report.json".to_owned() } else { format!("leaf {leaf}: record") };
        all.push(kind(name, Change::Files(Box::new(move |files| drop(files.remove(&path))), (code, place))));
    }
    // Documents of the report are not computed again: the log names their digests.
    for path in corpus.copy.documents.keys() {
        let (path, place) = (path.clone(), path.clone());
        let alter = move |files: &mut Files| files.get_mut(&path).unwrap().push(b'\n');
        all.push(kind(&format!("document: {place} altered"), Change::Files(Box::new(alter), ("document", place))));
    }
    let document = |name: &str, place: &str, change: OfFiles| {
        kind(name, Change::Files(Box::new(change), ("document", place.to_owned())))
    };
    all.push(document("document: one that was not issued", "report.en.pdf", |files| {
        files.insert("report.en.pdf".into(), b"%PDF-1.7".to_vec());
    }));
    all.push(document("document: one in the place of another", "report.en.xlsx", |files| {
        let pdf = files["report.zh-CN.pdf"].clone();
        files.insert("report.en.xlsx".into(), pdf);
    }));
    all
}
