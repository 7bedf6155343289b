//! The second reader, asked about a bundle of the fixture.

use std::process::Command;

use super::fixture::Log;

/// The second reader's answer; none where its Python modules are missing, which under CI is a failure.
pub(crate) fn second(log: &Log, bundle: &[u8]) -> Option<(Option<i32>, String)> {
    let reader = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/second_reader/verify.py");
    let python = std::env::var_os("GZ_PYTHON").unwrap_or_else(|| "python3".into());
    let has = Command::new(&python).args(["-c", "import zstandard, cryptography"]).status();
    if !has.is_ok_and(|s| s.success()) {
        assert!(std::env::var_os("CI").is_none(), "no Python with cryptography and zstandard");
        let told = format!("SKIPPED the second reader: {python:?} has no cryptography and zstandard\n");
        std::io::Write::write_all(&mut std::io::stderr().lock(), told.as_bytes()).unwrap();
        return None;
    }
    let folder = tempfile::tempdir().unwrap();
    let (bundle_path, trust_path) = (folder.path().join("b.zip"), folder.path().join("trust.json"));
    std::fs::write(&bundle_path, bundle).unwrap();
    std::fs::write(&trust_path, log.trust_json()).unwrap();
    let line = ["press", "2026-03-03", "day"];
    let out = Command::new(&python).arg(reader).args([&bundle_path, &trust_path]).args(line).output().unwrap();
    let said = String::from_utf8_lossy(&out.stdout).into_owned() + &String::from_utf8_lossy(&out.stderr);
    Some((out.status.code(), said))
}
