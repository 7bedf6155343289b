//! Witnesses with the real programs: a server, a witness run by another body, a report, and a server that lies.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result};
use protocol::note::Checkpoint;
use protocol::proof::ConsistencyProof;
use serde_json::Value;
use tests::programs::{self, Running};
use tests::stack::free_ports;
use tests::wait;

const LIMIT: Duration = Duration::from_secs(60);
const SITE: &str = "works";

/// A witness in its folder.
struct Witness {
    folder: PathBuf,
    port: u16,
}

impl Witness {
    /// Made, not started: the log key comes first.
    fn new(folder: &Path, log_key: &str, tls: bool) -> Result<Self> {
        std::fs::create_dir_all(folder)?;
        let [port] = free_ports()?;
        let hosts = if tls { "hosts = [\"localhost\"]\n" } else { "" };
        let config = format!(
            "name = \"w.example/1\"\nlisten = \"127.0.0.1:{port}\"\n{hosts}[operator]\nzh = \"市计量院\"\nen = \"Metrology\"\n[[log]]\nkey = \"{log_key}\"\n"
        );
        std::fs::write(folder.join("witness.toml"), config)?;
        Ok(Self { folder: folder.to_owned(), port })
    }

    fn command(&self) -> Command {
        let mut command = Command::new(programs::path("gongzheng-verify"));
        command.arg("witness").arg("--config").arg(self.folder.join("witness.toml"));
        command
    }

    fn key(&self) -> Result<String> {
        let said = programs::output(self.command().arg("--show-key"), LIMIT)?;
        let line = said.lines().find_map(|line| line.split_once("密钥: ")).context("a key")?;
        Ok(line.1.to_owned())
    }

    fn start(&self) -> Result<Running> {
        // The log goes on from one start to the next.
        let log = std::fs::read_to_string(self.folder.join("witness.log")).unwrap_or_default();
        let before = log.matches("listening").count();
        let running = Running::start("witness", &self.command(), &self.folder)?;
        wait::until("the witness to listen", LIMIT, || {
            Ok((running.log().matches("listening").count() > before).then_some(()))
        })?;
        Ok(running)
    }

    fn findings(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.folder.join("witness-data/findings")).into_iter().flatten().flatten();
        let mut files: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
        files.sort();
        files
    }
}

/// A server in its folder.
struct Server {
    folder: PathBuf,
}

impl Server {
    fn new(folder: &Path, witness: &str) -> Result<Self> {
        std::fs::create_dir_all(folder)?;
        let [web, mqtt, enrol] = free_ports()?;
        let config = format!(
            "data_dir = \"data\"\npublic_host = \"gz.example\"\n[web]\nlisten = \"127.0.0.1:{web}\"\n[mqtt]\nlisten = \"127.0.0.1:{mqtt}\"\n[enrol]\nlisten = \"127.0.0.1:{enrol}\"\n[log]\npublish_seconds = 1\n[operator]\nzh = \"某云平台公司\"\n{witness}"
        );
        std::fs::write(folder.join("server.toml"), config)?;
        Ok(Self { folder: folder.to_owned() })
    }

    fn section(url: &str, key: &str, more: &str) -> String {
        format!(
            "[[witness]]\nurl = \"{url}\"\nkey = \"{key}\"\noperator = {{ zh = \"市计量院\", en = \"Metrology\" }}\n{more}"
        )
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(programs::path("gongzheng-server"));
        command.arg("--config").arg(self.folder.join("server.toml")).args(arguments).env("GZ_LANG", "en");
        command
    }

    fn run(&self, arguments: &[&str]) -> Result<String> {
        programs::output(&mut self.command(arguments), LIMIT)
    }

    fn start(&self) -> Result<Running> {
        let running = Running::start("server", &self.command(&["run"]), &self.folder)?;
        let socket = self.folder.join("data/admin/socket");
        wait::until("the server to listen", LIMIT, || {
            Ok((socket.exists() && self.run(&["admin", "status"]).is_ok()).then_some(()))
        })?;
        Ok(running)
    }

    fn state(&self, note: &str) -> Result<()> {
        let file = self.folder.join("statement.json");
        let signal = serde_json::json!({"gateway": "gw-1", "tag": "press/state"});
        let body = serde_json::json!([
            {"kind": "calendar", "reason": note, "body": {"shifts": [
                {"shift": "day", "names": {"zh": "白班", "en": "Day"}, "start": "08:00", "end": "20:00",
                 "weekdays": [1, 2, 3, 4, 5, 6, 7], "breaks": []}]}},
            {"kind": "machine", "reason": note, "body": {
                "machine": "press", "names": {"zh": "冲床", "en": "Press"}, "signals": {"state": signal},
                "state_rule": {"codes": {"1": "off", "4": "run"}}}},
        ]);
        std::fs::write(&file, body.to_string())?;
        self.run(&["admin", "declare", "--site", SITE, "--file", file.to_str().context("path")?])?;
        Ok(())
    }

    /// What `admin status` says of witnesses.
    fn witnessed(&self) -> Result<Value> {
        let status: Value = serde_json::from_str(&self.run(&["admin", "status"])?)?;
        Ok(status["sites"][0]["witnessed"].clone())
    }

    /// Waits until the whole log is witnessed; returns its size.
    fn wait_witnessed(&self) -> Result<u64> {
        wait::until("the log to be witnessed", LIMIT, || {
            let status: Value = serde_json::from_str(&self.run(&["admin", "status"])?)?;
            let site = &status["sites"][0];
            let newest = &site["witnessed"]["newest"];
            Ok((newest["enough"] == true && newest["size"] == site["leaves"])
                .then(|| site["leaves"].as_u64())
                .flatten())
        })
    }

    fn note(&self) -> Result<String> {
        Ok(std::fs::read_to_string(self.folder.join("data/sites").join(SITE).join("log/checkpoint"))?)
    }

    fn add_site(&self) -> Result<()> {
        self.run(&["admin", "site", "add", SITE, "--name-zh", "示范厂"])?;
        Ok(())
    }
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &to.join(entry.file_name()))?;
        } else if entry.file_type()?.is_file() {
            std::fs::copy(entry.path(), to.join(entry.file_name()))?;
        }
    }
    Ok(())
}

/// The data of a server, closed to others as a server wants it.
fn copy_data(from: &Path, to: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let _ = std::fs::remove_dir_all(to);
    copy(from, to)?;
    for folder in [to.to_owned(), to.join("keys"), to.join("admin")] {
        if folder.is_dir() {
            std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o700))?;
        }
    }
    Ok(())
}

fn log_key(trust: &str) -> Result<String> {
    let trust: Value = serde_json::from_str(trust)?;
    Ok(trust["log_keys"][0].as_str().context("a log key")?.to_owned())
}

fn verify(arguments: &[&str]) -> Result<(Option<i32>, String)> {
    let mut command = Command::new(programs::path("gongzheng-verify"));
    let (code, out, err) = programs::finish(command.args(arguments).env("GZ_LANG", "en"), LIMIT)?;
    Ok((code, format!("{out}{err}")))
}

fn ask(port: u16, body: &str) -> Result<String> {
    use std::io::{Read as _, Write as _};
    let mut stream = std::net::TcpStream::connect(("127.0.0.1", port))?;
    let length = body.len();
    write!(
        stream,
        "POST /add-checkpoint HTTP/1.1\r\nHost: w\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

/// Keys exist after the first command; a witness needs the log's, the server the witness's.
fn pair(folder: &Path, tls: bool) -> Result<(Server, Witness)> {
    let first = Server::new(&folder.join("server"), "")?;
    first.add_site()?;
    let key = log_key(&first.run(&["admin", "trust"])?)?;
    let witness = Witness::new(&folder.join("witness"), &key, tls)?;
    let scheme = if tls { "https://localhost" } else { "http://127.0.0.1" };
    let ca = if tls { "ca = \"../witness/witness-data/tls.pem\"\n" } else { "" };
    let section = Server::section(&format!("{scheme}:{}", witness.port), &witness.key()?, ca);
    Ok((Server::new(&folder.join("server"), &section)?, witness))
}

#[test]
fn a_report_is_witnessed_and_says_so_when_it_is_not() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (server, witness) = pair(folder.path(), true)?;
    let running = server.start()?;
    server.state("before the witness is there")?;
    // Nobody answers: statements are logged all the same, and the report is issued.
    let report = |server: &Server| -> Result<PathBuf> {
        let printed = server.run(&["report", "--site", SITE, "--from", "2026-03-02", "--to", "2026-03-02"])?;
        tests::bundle_of(&printed)
    };
    let without = report(&server)?;
    let trust = folder.path().join("trust.json");
    std::fs::write(&trust, server.run(&["admin", "trust"])?)?;
    let trust_path = trust.to_str().context("path")?;
    let said = std::fs::read_to_string(&trust)?;
    assert!(said.contains("confirm each key") && said.contains("\"witnesses_required\": 1"), "{said}");
    let (code, said) = verify(&[without.to_str().context("path")?, "--trust", trust_path])?;
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("requires 1 other bodies") && said.contains("0 have"), "{said}");
    assert_eq!(server.witnessed()?["witnesses"][0]["now"]["standing"], "failed");

    let serving = witness.start()?;
    // A report asks at once; the background would wait a little longer after so many failures.
    let with = report(&server)?;
    let size = server.wait_witnessed()?;
    let (code, said) = verify(&[with.to_str().context("path")?, "--trust", trust_path])?;
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("witnessed by Metrology (w.example/1) at 20"), "{said}");

    // One leaf, and the log now after the log then.
    let proof = folder.path().join("leaf.tlog-proof");
    std::fs::write(&proof, server.run(&["admin", "proof", "--site", SITE, "--leaf", "1"])?)?;
    let (code, said) = verify(&["proof", proof.to_str().context("path")?, "--trust", trust_path])?;
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("leaf 1 is in the log: declaration calendar") && said.contains("witnessed by"), "{said}");
    let text = std::fs::read_to_string(&proof)?.replace("index 1\n", "index 0\n");
    std::fs::write(&proof, text)?;
    let (code, said) = verify(&["proof", proof.to_str().context("path")?, "--trust", trust_path])?;
    assert_eq!(code, Some(1), "{said}");
    let (earlier, later) = (folder.path().join("earlier"), folder.path().join("later"));
    std::fs::write(&earlier, server.run(&["admin", "proof", "--site", SITE, "--from", "1", "--to", "1"])?)?;
    let note = std::fs::read_to_string(&earlier)?;
    std::fs::write(&earlier, note.split_once("\n\n").context("a note")?.1)?;
    std::fs::write(&later, server.run(&["admin", "proof", "--site", SITE, "--from", "1", "--to", &size.to_string()])?)?;
    let paths = [later.to_str().context("path")?, "--checkpoint", earlier.to_str().context("path")?];
    let (code, said) = verify(&[&["proof"][..], &paths, &["--trust", trust_path, "--json"]].concat())?;
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains(&format!("{size} leaves continues the one over 1")), "{said}");

    let doctor = server.run(&["doctor"])?;
    assert!(doctor.contains("w.example/1: cosigned the first"), "{doctor}");
    running.stop(LIMIT)?;
    serving.stop(LIMIT)?;
    let fsck = server.run(&["fsck"])?;
    assert!(fsck.contains("sound"), "{fsck}");
    Ok(())
}

#[test]
fn a_rewritten_log_is_refused_by_the_witness_and_found_by_whoever_checks() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (server, witness) = pair(folder.path(), false)?;
    let serving = witness.start()?;
    let liar = Server::new(&folder.path().join("liar"), "")?;
    copy_data(&server.folder.join("data"), &liar.folder.join("data"))?;
    let running = server.start()?;
    server.state("what was said")?;
    let size = server.wait_witnessed()?;
    running.stop(LIMIT)?;
    // The same keys, another history: as long, and longer.
    liar.state("what should have been said")?;
    let (forked, same) = (liar.note()?, Checkpoint::read_unverified(&liar.note()?)?);
    assert_eq!(same.size, size);
    let answer = ask(witness.port, &ConsistencyProof { old: size, hashes: Vec::new(), note: forked }.encode())?;
    assert!(answer.starts_with("HTTP/1.1 409") && answer.contains("text/x.tlog.size"), "{answer}");
    liar.state("and more")?;
    let to = (size + 2).to_string();
    let proof = liar.run(&["admin", "proof", "--site", SITE, "--from", &size.to_string(), "--to", &to])? + "\n";
    let proof = if proof.ends_with("\n\n") { proof.trim_end().to_owned() + "\n" } else { proof };
    let answer = ask(witness.port, &proof)?;
    assert!(answer.starts_with("HTTP/1.1 422"), "{answer}");
    // A stranger's nonsense leaves nothing.
    assert!(ask(witness.port, "old 0\n\nnonsense\n")?.starts_with("HTTP/1.1 400"));
    assert!(ask(witness.port, &proof.replacen("gz.example", "gz.examples", 1))?.starts_with("HTTP/1.1 404"));

    let trust = folder.path().join("trust.json");
    std::fs::write(&trust, server.run(&["admin", "trust"])?)?;
    let trust_path = trust.to_str().context("path")?;
    let mut verdicts = Vec::new();
    for finding in witness.findings() {
        let (code, said) = verify(&["finding", finding.to_str().context("path")?, "--trust", trust_path])?;
        assert!(said.contains("gz.example/works"), "{said}");
        verdicts.push(code);
    }
    verdicts.sort_unstable();
    assert_eq!(verdicts, [Some(0), Some(2)], "one proven, one open");

    // What he bundles is not witnessed, and contradicts the cosigned checkpoint that anyone kept.
    let printed = liar.run(&["report", "--site", SITE, "--from", "2026-03-02", "--to", "2026-03-02"])?;
    let bundle = tests::bundle_of(&printed)?;
    let bundle = bundle.to_str().context("path")?;
    let (code, said) = verify(&[bundle, "--trust", trust_path])?;
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("0 have"), "{said}");
    let kept = server.folder.join("data/sites").join(SITE).join("log/cosigned");
    let kept = std::fs::read_dir(kept)?.next().context("a cosigned checkpoint")??.path();
    let (code, said) = verify(&[bundle, "--trust", trust_path, "--checkpoint", kept.to_str().context("path")?])?;
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains(&format!("the first {size} leaves do not give the root")), "{said}");

    // The cosigned checkpoint beside the rewritten log: fsck names it.
    let beside = liar.folder.join("data/sites").join(SITE).join("log/cosigned");
    std::fs::create_dir_all(&beside)?;
    std::fs::copy(&kept, beside.join(kept.file_name().context("a name")?))?;
    let (code, out, _) = programs::finish(&mut liar.command(&["fsck"]), LIMIT)?;
    assert_eq!(code, Some(1), "{out}");
    assert!(out.contains("cosigned/") && out.contains("the log was rewritten"), "{out}");
    serving.stop(LIMIT)?;
    Ok(())
}

#[test]
fn a_server_put_back_learns_it_from_the_witness() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (server, witness) = pair(folder.path(), false)?;
    let serving = witness.start()?;
    let backup = folder.path().join("backup");
    copy_data(&server.folder.join("data"), &backup)?;
    let running = server.start()?;
    server.state("lost with the disk")?;
    let size = server.wait_witnessed()?;
    running.stop(LIMIT)?;
    copy_data(&backup, &server.folder.join("data"))?;
    let running = server.start()?;
    let origin = wait::until("the new epoch", LIMIT, || {
        let note = server.note()?;
        let origin = Checkpoint::read_unverified(&note)?.origin;
        Ok(origin.ends_with("/works/1").then_some(origin))
    })?;
    assert!(running.log().contains("checkpoint that a witness holds"), "{}", running.tail());
    // The witness signs nothing of it before its own operator has said so.
    wait::until("the witness's refusal", LIMIT, || {
        let peer = &server.witnessed()?["witnesses"][0];
        Ok((peer["now"]["standing"] == "unknown").then_some(()))
    })?;
    assert_eq!(server.witnessed()?["newest"], Value::Null);
    let finding = witness.findings().pop().context("a finding")?;
    let words = std::fs::read_to_string(finding)?;
    assert!(words.contains("new_epoch") && words.contains(&format!("after {size} leaves")), "{words}");
    serving.stop(LIMIT)?;
    let config = witness.folder.join("witness.toml");
    let text = std::fs::read_to_string(&config)? + &format!("epochs = [\"{origin}\"]\n");
    std::fs::write(&config, text)?;
    let serving = witness.start()?;
    server.state("after the restore")?;
    server.wait_witnessed()?;
    running.stop(LIMIT)?;
    assert!(server.run(&["fsck"])?.contains("sound"));
    serving.stop(LIMIT)?;
    Ok(())
}

#[test]
fn a_witness_killed_at_any_moment_or_damaged_signs_nothing_twice() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (server, witness) = pair(folder.path(), false)?;
    let running = server.start()?;
    let newest_leaf = || -> Result<String> {
        let status: Value = serde_json::from_str(&server.run(&["admin", "status"])?)?;
        let leaves = status["sites"][0]["leaves"].as_u64().context("leaves")?;
        Ok((leaves - 1).to_string())
    };
    // A proof of the newest leaf asks at once. The witness dies while it is asked, signs or writes: each time a little later.
    for round in 0..10 {
        let serving = witness.start()?;
        server.state(&format!("round {round}"))?;
        let leaf = newest_leaf()?;
        std::thread::scope(|scope| {
            let asked = scope.spawn(|| server.run(&["admin", "proof", "--site", SITE, "--leaf", &leaf]));
            std::thread::sleep(Duration::from_millis(15 * round));
            serving.kill()?;
            // Whoever asked is answered in any case.
            asked.join().map_err(|_| anyhow::anyhow!("panicked"))?.map(drop)
        })?;
    }
    let serving = witness.start()?;
    server.state("after all that")?;
    server.run(&["admin", "proof", "--site", SITE, "--leaf", &newest_leaf()?])?;
    server.wait_witnessed()?;
    assert_eq!(witness.findings(), Vec::<PathBuf>::new(), "it forgot what it had signed");
    serving.kill()?;
    let logs = witness.folder.join("witness-data/logs");
    let file = std::fs::read_dir(&logs)?.next().context("a record")??.path();
    let whole = std::fs::read(&file)?;
    std::fs::write(&file, &whole[..whole.len() / 2])?;
    let serving = witness.start()?;
    let answer = ask(witness.port, &ConsistencyProof { old: 0, hashes: Vec::new(), note: server.note()? }.encode())?;
    assert!(answer.starts_with("HTTP/1.1 500"), "{answer}");
    serving.kill()?;
    std::fs::remove_file(&file)?;
    let serving = witness.start()?;
    let answer = ask(witness.port, &ConsistencyProof { old: 0, hashes: Vec::new(), note: server.note()? }.encode())?;
    assert!(answer.starts_with("HTTP/1.1 500"), "{answer}");
    assert!(answer.contains("the record of what was signed is gone") && answer.contains("签名记录丢失"), "{answer}");
    serving.kill()?;
    // Without the key there is no new one under the old name.
    std::fs::remove_file(witness.folder.join("witness-data/witness.key"))?;
    assert!(witness.key().is_err());
    running.stop(LIMIT)?;
    Ok(())
}
