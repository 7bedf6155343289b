//! The checkpoint and the witnesses' lines below it, by somebody who has none of their keys; and by a server with one witness of two.

use data_encoding::BASE64;
use protocol::{SecretKey, cosignature::cosign, note};

use super::{Change, Class, Kind, Refusal};
use crate::tampering::corpus::{Corpus, SERVER, witness_name};
use crate::tampering::forge::Copy;

type OfNote = fn(&mut Copy, &Corpus);

fn attacker() -> SecretKey {
    SecretKey::from_seed(&[66; 32])
}

/// Another text under the lines that were there.
fn text(copy: &mut Copy, change: impl Fn(&str) -> String) {
    copy.note = format!("{}\n{}", change(copy.text()), copy.lines().concat());
}

/// Other lines below the text.
fn lines(copy: &mut Copy, change: impl Fn(&mut Vec<String>)) {
    let mut lines = copy.lines();
    change(&mut lines);
    copy.note = format!("{}\n{}", copy.text(), lines.concat());
}

/// The base64 of a line, decoded, changed and put back.
fn signature(line: &mut String, change: impl Fn(&mut Vec<u8>)) {
    let (head, bytes) = line.trim_end().rsplit_once(' ').unwrap();
    let mut bytes = BASE64.decode(bytes.as_bytes()).unwrap();
    change(&mut bytes);
    *line = format!("{head} {}\n", BASE64.encode(&bytes));
}

/// The same bytes with other bits behind the last of them, which a decoder that is not asked to look ignores.
fn respell(line: &mut String) {
    let end = line.trim_end().trim_end_matches('=').len();
    let last = line.as_bytes()[end - 1];
    assert!(line[end..].starts_with('='), "bits are left over only where it is padded");
    line.replace_range(end - 1..end, &char::from(last + 1).to_string());
}

/// Signs the text again in the name of the log.
fn sign(copy: &mut Copy, name: &str, key: &SecretKey) {
    let cosignatures: String = copy.lines().into_iter().skip(1).collect();
    copy.note = note::sign(copy.text(), name, key).unwrap() + &cosignatures;
}

/// By somebody without a key.
const NOTES: &[(&str, &str, OfNote)] = &[
    ("checkpoint: another server in its origin", "anchor", |c, _| text(c, |t| t.replace(SERVER, "best.example"))),
    ("checkpoint: another site in its origin", "anchor", |c, _| text(c, |t| t.replace("/demo", "/other"))),
    ("checkpoint: a later epoch in its origin", "anchor", |c, _| text(c, |t| t.replace("/demo", "/demo/1"))),
    ("checkpoint: one leaf more", "tree", |c, _| resize(c, 1)),
    ("checkpoint: one leaf less", "tree", |c, _| resize(c, -1)),
    ("checkpoint: a size of millions", "tree", |c, _| resize(c, 4_000_000)),
    ("checkpoint: a size that is no number", "archive", |c, _| text(c, |t| t.replacen("/demo\n", "/demo\nx", 1))),
    ("checkpoint: another root", "tree", |c, _| {
        let root = c.head(20).text();
        let other = root.lines().nth(2).unwrap().to_owned();
        text(c, |t| t.lines().take(2).map(|l| format!("{l}\n")).collect::<String>() + &other + "\n");
    }),
    ("checkpoint: a line added to its text", "anchor", |c, _| text(c, |t| format!("{t}verified by all\n"))),
    ("checkpoint: its root cut short", "archive", |c, _| text(c, |t| format!("{}\n", &t[..t.len() - 5]))),
    ("checkpoint: lines ended by CR LF", "archive", |c, _| c.note = c.note.replace('\n', "\r\n")),
    ("checkpoint: a signature line ended by CR LF", "archive", |c, _| {
        lines(c, |l| l[1] = l[1].replace('\n', "\r\n"));
    }),
    ("checkpoint: its last line not ended", "anchor", |c, _| c.note.truncate(c.note.len() - 1)),
    ("checkpoint: the log's signature in another spelling of base64", "anchor", |c, _| {
        lines(c, |l| respell(&mut l[0]))
    }),
    ("cosignature: in another spelling of base64", "anchor", |c, _| lines(c, |l| respell(&mut l[1]))),
    ("checkpoint: its root in another spelling of base64", "archive", |c, _| {
        text(c, |t| {
            let mut root = format!("{} {}", "root", t.lines().nth(2).unwrap());
            respell(&mut root);
            t.replace(t.lines().nth(2).unwrap(), root.trim_end().strip_prefix("root ").unwrap())
        });
    }),
    ("checkpoint: empty", "archive", |c, _| c.note.clear()),
    ("checkpoint: without any signature", "anchor", |c, _| c.note = format!("{}\n", c.text())),
    ("checkpoint: the log's signature removed", "anchor", |c, _| lines(c, |l| drop(l.remove(0)))),
    ("checkpoint: one bit of the log's signature", "anchor", |c, _| lines(c, |l| signature(&mut l[0], |b| b[40] ^= 1))),
    ("checkpoint: the log's signature cut short", "anchor", |c, _| {
        lines(c, |l| signature(&mut l[0], |b| b.truncate(60)))
    }),
    ("checkpoint: the log's key id", "anchor", |c, _| lines(c, |l| signature(&mut l[0], |b| b[0] ^= 1))),
    ("checkpoint: the log's signature under another name", "anchor", |c, _| {
        lines(c, |l| l[0] = l[0].replace(SERVER, "best.example"));
    }),
    ("checkpoint: signed by the attacker under the log's name", "anchor", |c, _| sign(c, SERVER, &attacker())),
    ("checkpoint: signed by the attacker under the log's name and key id", "anchor", |c, _| {
        let own = c.lines()[0].clone();
        sign(c, SERVER, &attacker());
        let id = BASE64.decode(own.trim_end().rsplit_once(' ').unwrap().1.as_bytes()).unwrap();
        lines(c, |l| signature(&mut l[0], |b| b[..4].copy_from_slice(&id[..4])));
    }),
    ("checkpoint: signed by a witness in the log's place", "anchor", |c, corpus| {
        sign(c, &witness_name(0), &corpus.witness_keys[0]);
    }),
    ("checkpoint: signed by a gateway in the log's place", "anchor", |c, corpus| {
        sign(c, SERVER, &corpus.gateway_keys[0])
    }),
    ("checkpoint: a false line of the log beside the true one", "anchor", |c, _| {
        lines(c, |l| {
            let mut false_one = l[0].clone();
            signature(&mut false_one, |b| b[40] ^= 1);
            l.push(false_one);
        });
    }),
    ("checkpoint: that of an earlier day, of which nothing else is", "tree", |c, corpus| {
        c.note = c.checkpoint(50, &corpus.log_key);
    }),
    ("cosignature: removed", "witness", |c, _| lines(c, |l| drop(l.remove(1)))),
    ("cosignature: both removed", "witness", |c, _| lines(c, |l| l.truncate(1))),
    ("cosignature: said to be later", "witness", |c, _| lines(c, |l| signature(&mut l[1], |b| b[11] ^= 1))),
    ("cosignature: said to be years earlier", "witness", |c, _| lines(c, |l| signature(&mut l[2], |b| b[8] ^= 0x10))),
    ("cosignature: one bit", "witness", |c, _| lines(c, |l| signature(&mut l[1], |b| b[40] ^= 1))),
    ("cosignature: cut short", "witness", |c, _| lines(c, |l| signature(&mut l[1], |b| b.truncate(50)))),
    ("cosignature: its key id", "witness", |c, _| lines(c, |l| signature(&mut l[1], |b| b[0] ^= 1))),
    ("cosignature: the same twice under both names", "witness", |c, _| {
        lines(c, |l| l[2] = l[1].replace(&witness_name(0), &witness_name(1)));
    }),
    ("cosignature: signatures of the two swapped", "witness", |c, _| {
        lines(c, |l| {
            let (one, two) = (witness_name(0), witness_name(1));
            let swapped = [l[2].replace(&two, &one), l[1].replace(&one, &two)];
            l.splice(1..3, swapped);
        });
    }),
    ("cosignature: by the attacker under a witness's name", "witness", |c, corpus| {
        let line = cosign(c.text(), &witness_name(1), &attacker(), corpus.cosigned).unwrap();
        lines(c, |l| l[2] = line.clone());
    }),
    ("cosignature: by the server under a witness's name", "witness", |c, corpus| {
        let line = cosign(c.text(), &witness_name(1), &corpus.log_key, corpus.cosigned).unwrap();
        lines(c, |l| l[2] = line.clone());
    }),
    ("cosignature: that of an earlier checkpoint", "witness", |c, corpus| {
        let line = cosign(&c.head(50).text(), &witness_name(1), &corpus.witness_keys[1], corpus.cosigned).unwrap();
        lines(c, |l| l[2] = line.clone());
    }),
    ("cosignature: made over another log of the server", "witness", |c, corpus| {
        let other = c.text().replace("/demo", "/other");
        let line = cosign(&other, &witness_name(1), &corpus.witness_keys[1], corpus.cosigned).unwrap();
        lines(c, |l| l[2] = line.clone());
    }),
    ("cosignature: dated before the newest leaf by a witness whose clock was put back", "witness", |c, corpus| {
        let line = cosign(c.text(), &witness_name(1), &corpus.witness_keys[1], corpus.cosigned - 86_400).unwrap();
        lines(c, |l| l[2] = line.clone());
    }),
];

fn resize(copy: &mut Copy, by: i64) {
    let size = copy.leaves.len() as i64;
    text(copy, |t| t.replacen(&format!("\n{size}\n"), &format!("\n{}\n", size + by), 1));
}

pub fn kinds() -> Vec<Kind> {
    let note = |(name, step, change): &(&str, &'static str, OfNote)| {
        let place = if *step == "tree" { "" } else { "checkpoint" };
        let refusals: Vec<Refusal> = vec![(step, place.to_owned())];
        Kind::new(Class::Checkpoint, *name, Change::Note(Box::new(*change), refusals))
    };
    NOTES.iter().map(note).collect()
}
