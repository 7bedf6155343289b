//! A running simulated workshop, seen from outside: its endpoints, its control socket, its journals.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use crate::clock::Behind;
use crate::compare::Served;
use crate::programs::{self, Running};
use crate::wait;

/// The simulator's process and its folder.
#[derive(Debug)]
pub struct Workshop {
    /// The process.
    pub process: Running,
    /// Where journal, truth and endpoints are.
    pub folder: PathBuf,
    /// The content of `endpoints.json`.
    pub endpoints: Value,
}

impl Workshop {
    /// Starts `gongzheng-sim workshop` with more arguments and waits until every device listens.
    ///
    /// # Errors
    /// When it ends by itself or does not come up in time.
    pub fn start(folder: &Path, logs: &Path, arguments: &[&str]) -> Result<Self> {
        Self::start_at(folder, logs, arguments, None)
    }

    /// The same by a clock that is behind.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn start_at(folder: &Path, logs: &Path, arguments: &[&str], clock: Option<&Behind>) -> Result<Self> {
        let mut command = Command::new(programs::path("gongzheng-sim"));
        command.arg("workshop").arg("--dir").arg(folder).args(arguments);
        clock.iter().for_each(|clock| clock.set(&mut command));
        let mut process = Running::start("sim", &command, logs)?;
        let file = folder.join("endpoints.json");
        let endpoints = wait::until("the simulated workshop to listen", Duration::from_secs(60), || {
            process.check()?;
            Ok(std::fs::read(&file).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()))
        })?;
        Ok(Self { process, folder: folder.to_path_buf(), endpoints })
    }

    /// Sends one line to the control socket and returns the answer.
    ///
    /// # Errors
    /// When the socket does not answer or refuses.
    pub fn ask(&self, line: &Value) -> Result<Value> {
        let address = self.endpoints["control"].as_str().context("endpoints.json names no control socket")?;
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(Duration::from_secs(20)))?;
        stream.write_all(format!("{line}\n").as_bytes())?;
        let mut answer = String::new();
        BufReader::new(stream).read_line(&mut answer)?;
        let answer: Value = serde_json::from_str(&answer)?;
        ensure!(answer["ok"] == true, "the simulator refused {line}: {answer}");
        Ok(answer)
    }

    /// Puts a fault on a device.
    ///
    /// # Errors
    /// When the simulator refuses it.
    pub fn fault(&self, device: &str, kind: &str, duration: Duration) -> Result<()> {
        let millis = u64::try_from(duration.as_millis())?;
        self.ask(&json!({"device": device, "kind": kind, "duration_ms": millis})).map(drop)
    }

    /// The ground truth as of now.
    ///
    /// # Errors
    /// When the simulator does not write it.
    pub fn truth(&self) -> Result<Value> {
        let answer = self.ask(&json!({"command": "truth"}))?;
        let path = answer["path"].as_str().context("the simulator names no truth file")?;
        Ok(serde_json::from_slice(&std::fs::read(path)?)?)
    }

    /// Every value served so far, and every attempt to write to a machine.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn served(&self) -> Result<(Vec<Served>, Vec<String>)> {
        let file = std::fs::File::open(self.folder.join("served.jsonl"))?;
        let (mut served, mut violations) = (Vec::new(), Vec::new());
        for line in BufReader::new(file).lines() {
            let line = line?;
            // The last line may still be on its way to the file.
            let Ok(value) = serde_json::from_str::<Value>(&line) else { continue };
            if !value["violation"].is_null() {
                violations.push(line);
                continue;
            }
            let via = value["via"].as_str().context("a served value says how it was served")?;
            served.push(Served {
                tag: value["tag"].as_str().context("a served value has a tag")?.to_owned(),
                utc_ms: value["wall_ms"].as_i64().context("a served value has a time")?,
                // Only OPC UA carries the device's own time along.
                source_ms: if via.starts_with("opcua") { value["device_ms"].as_i64() } else { None },
                raw: value["raw"].clone(),
                valid: value["valid"].as_bool().context("a served value says whether it is valid")?,
                pushed: via == "opcua-push",
            });
        }
        Ok((served, violations))
    }

    /// The journal of faults: one JSON object a line.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn faults(&self) -> Result<Vec<Value>> {
        let text = std::fs::read_to_string(self.folder.join("faults.jsonl"))?;
        Ok(text.lines().filter_map(|l| serde_json::from_str(l).ok()).collect())
    }
}
