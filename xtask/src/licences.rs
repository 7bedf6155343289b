//! Licences, bans, sources and advisories, decided from `cargo metadata`, `Cargo.lock` and `deny.toml`.
//!
//! `cargo deny` would compile for minutes on two cores and fetch a database over the network, so the rules that need
//! neither are evaluated here, from the same file. Advisories: `deny.toml` lists every advisory known to touch a version
//! in `Cargo.lock`, with the reason it does not touch us; here each entry is checked to be still about a version in the
//! lock. Where `cargo deny` is installed it is asked for advisories published since; where it is not, that is said.
//! Who may depend on whom inside the workspace is the business of `tests/tests/tidy.rs`.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::arm::ARMS;
use crate::tools::{cargo, output, root, sh};

/// All checks; prints what was checked and fails with every finding, not only the first.
pub(crate) fn check() -> Result<()> {
    let deny: toml::Table = std::fs::read_to_string(root().join("deny.toml"))?.parse().context("deny.toml")?;
    // What the server is built for, what the verifier is, and what the gateway is.
    let platforms = ["x86_64-unknown-linux-gnu", "x86_64-pc-windows-gnu", "wasm32-unknown-unknown"]
        .into_iter()
        .chain(ARMS.iter().map(|arm| arm.target));
    let mut command = cargo();
    command.args(["metadata", "--format-version", "1", "--locked"]);
    command.args(platforms.flat_map(|platform| ["--filter-platform", platform]));
    let metadata: Value = serde_json::from_str(&output(&mut command)?)?;
    let packages = resolved(&metadata)?;
    let mut findings = licences(&packages, &deny)?;
    findings.extend(bans_and_sources(&packages, &deny)?);
    let (known, stale) = advisories(&deny)?;
    findings.extend(stale);
    println!("{} packages: licences, bans and sources checked; {known} advisories reasoned", packages.len());

    let have_deny = Command::new("cargo").args(["deny", "--version"]).output().is_ok_and(|out| out.status.success());
    if have_deny {
        sh(cargo().args(["deny", "check", "advisories"]))?;
    } else {
        println!(
            "advisories published after the entries in deny.toml were written: not looked up (cargo deny is not installed)"
        );
    }
    if findings.is_empty() {
        return Ok(());
    }
    bail!("{} findings:\n  {}", findings.len(), findings.join("\n  "))
}

struct Package {
    name: String,
    version: String,
    licence: Option<String>,
    source: Option<String>,
}

fn resolved(metadata: &Value) -> Result<Vec<Package>> {
    let nodes = metadata["resolve"]["nodes"].as_array().context("cargo metadata: no resolve")?;
    let used: BTreeSet<&str> = nodes.iter().filter_map(|n| n["id"].as_str()).collect();
    let packages = metadata["packages"].as_array().context("cargo metadata: no packages")?;
    Ok(packages
        .iter()
        .filter(|p| p["id"].as_str().is_some_and(|id| used.contains(id)))
        .map(|p| Package {
            name: text(p, "name").unwrap_or_default(),
            version: text(p, "version").unwrap_or_default(),
            licence: text(p, "license"),
            source: text(p, "source"),
        })
        .collect())
}

fn text(value: &Value, key: &str) -> Option<String> {
    value[key].as_str().map(str::to_owned)
}

fn strings(value: Option<&toml::Value>) -> Vec<&str> {
    value.and_then(toml::Value::as_array).into_iter().flatten().filter_map(toml::Value::as_str).collect()
}

fn licences(packages: &[Package], deny: &toml::Table) -> Result<Vec<String>> {
    let section = deny.get("licenses").and_then(toml::Value::as_table).context("deny.toml: no [licenses]")?;
    let allowed: BTreeSet<&str> = strings(section.get("allow")).into_iter().collect();
    let mut exceptions: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for entry in section.get("exceptions").and_then(toml::Value::as_array).into_iter().flatten() {
        let name = entry.get("crate").and_then(toml::Value::as_str).context("deny.toml: exception without crate")?;
        exceptions.insert(name, strings(entry.get("allow")));
    }
    let mut findings = Vec::new();
    for package in packages {
        let also = exceptions.remove(package.name.as_str()).unwrap_or_default();
        let ok = |licence: &str| allowed.contains(licence) || also.contains(&licence);
        match &package.licence {
            None => findings.push(format!("{} {}: no licence stated", package.name, package.version)),
            Some(expression) => match Expression::new(expression).evaluate(&ok) {
                Some(true) => {}
                Some(false) => {
                    findings.push(format!("{} {}: licence {expression} not allowed", package.name, package.version))
                }
                None => findings
                    .push(format!("{} {}: licence {expression:?} not understood", package.name, package.version)),
            },
        }
    }
    findings.extend(
        exceptions.keys().map(|name| format!("deny.toml: exception for {name}, which is not in the tree: delete it")),
    );
    Ok(findings)
}

/// An SPDX expression: `A OR B`, `A AND B`, `A WITH B`, parentheses; the old `A/B` means OR.
struct Expression<'a> {
    tokens: Vec<&'a str>,
    at: usize,
}

impl<'a> Expression<'a> {
    fn new(text: &'a str) -> Self {
        let mut tokens = Vec::new();
        for word in text.split([' ', '/']).filter(|w| !w.is_empty()) {
            let inner = word.trim_start_matches('(');
            tokens.extend(std::iter::repeat_n("(", word.len() - inner.len()));
            let core = inner.trim_end_matches(')');
            tokens.push(core);
            tokens.extend(std::iter::repeat_n(")", inner.len() - core.len()));
        }
        if text.contains('/') {
            let mut with_or = Vec::new();
            for token in tokens {
                if !with_or.is_empty() {
                    with_or.push("OR");
                }
                with_or.push(token);
            }
            tokens = with_or;
        }
        Self { tokens, at: 0 }
    }

    /// `None` when the expression is malformed.
    fn evaluate(mut self, ok: &impl Fn(&str) -> bool) -> Option<bool> {
        let result = self.any(ok)?;
        (self.at == self.tokens.len()).then_some(result)
    }

    fn any(&mut self, ok: &impl Fn(&str) -> bool) -> Option<bool> {
        let mut result = self.all(ok)?;
        while self.take("OR") {
            result |= self.all(ok)?;
        }
        Some(result)
    }

    fn all(&mut self, ok: &impl Fn(&str) -> bool) -> Option<bool> {
        let mut result = self.one(ok)?;
        while self.take("AND") {
            result &= self.one(ok)?;
        }
        Some(result)
    }

    fn one(&mut self, ok: &impl Fn(&str) -> bool) -> Option<bool> {
        if self.take("(") {
            let result = self.any(ok)?;
            return self.take(")").then_some(result);
        }
        let name = *self.tokens.get(self.at)?;
        self.at += 1;
        if self.take("WITH") {
            let exception = *self.tokens.get(self.at)?;
            self.at += 1;
            return Some(ok(&format!("{name} WITH {exception}")));
        }
        Some(ok(name))
    }

    fn take(&mut self, token: &str) -> bool {
        let found = self.tokens.get(self.at) == Some(&token);
        self.at += usize::from(found);
        found
    }
}

fn bans_and_sources(packages: &[Package], deny: &toml::Table) -> Result<Vec<String>> {
    let bans =
        deny.get("bans").and_then(|b| b.get("deny")).and_then(toml::Value::as_array).context("deny.toml: no bans")?;
    let mut findings = Vec::new();
    for ban in bans {
        let name = ban.get("crate").and_then(toml::Value::as_str).context("deny.toml: ban without crate")?;
        let reason = ban.get("reason").and_then(toml::Value::as_str).context("deny.toml: ban without reason")?;
        if packages.iter().any(|p| p.name == name) {
            findings.push(format!("banned crate {name} is in the tree: {reason}"));
        }
    }
    let registries = strings(deny.get("sources").and_then(|s| s.get("allow-registry")));
    for package in packages {
        // A path dependency of the workspace has no source; everything else comes from an allowed registry.
        let Some(source) = &package.source else { continue };
        if !registries.iter().any(|r| source == &format!("registry+{r}")) {
            findings.push(format!("{} {}: source {source} is not an allowed registry", package.name, package.version));
        }
    }
    Ok(findings)
}

/// Number of reasoned advisories, and findings about entries that are malformed or no longer about anything in the lock.
fn advisories(deny: &toml::Table) -> Result<(usize, Vec<String>)> {
    let lock: toml::Table = std::fs::read_to_string(root().join("Cargo.lock"))?.parse().context("Cargo.lock")?;
    let locked: BTreeSet<String> = lock
        .get("package")
        .and_then(toml::Value::as_array)
        .context("Cargo.lock: no packages")?
        .iter()
        .filter_map(|p| Some(format!("{} {}", p.get("name")?.as_str()?, p.get("version")?.as_str()?)))
        .collect();
    let entries = deny
        .get("advisories")
        .and_then(|a| a.get("ignore"))
        .and_then(toml::Value::as_array)
        .context("deny.toml: no [advisories] ignore")?;
    let mut findings = Vec::new();
    for entry in entries {
        let id = entry.get("id").and_then(toml::Value::as_str).context("deny.toml: advisory without id")?;
        let reason = entry.get("reason").and_then(toml::Value::as_str).unwrap_or_default();
        match reason.split_once(": ") {
            Some((about, why)) if locked.contains(about) && why.len() >= 20 => {}
            Some((about, _)) if !locked.contains(about) => {
                findings.push(format!("{id}: `{about}` is no longer in Cargo.lock: delete the entry or correct it"));
            }
            _ => findings.push(format!("{id}: the reason must read `crate version: why it does not touch us`")),
        }
    }
    Ok((entries.len(), findings))
}

#[cfg(test)]
mod tests {
    use super::Expression;

    #[test]
    fn licence_expressions_are_evaluated_as_spdx_says() {
        let ok = |l: &str| ["MIT", "Apache-2.0", "Unicode-3.0", "Apache-2.0 WITH LLVM-exception"].contains(&l);
        for (expression, expected) in [
            ("MIT", Some(true)),
            ("GPL-3.0-only", Some(false)),
            ("MIT OR GPL-3.0-only", Some(true)),
            ("MIT AND GPL-3.0-only", Some(false)),
            ("MIT/GPL-3.0-only", Some(true)),
            ("Apache-2.0 / MIT", Some(true)),
            ("(MIT OR Apache-2.0) AND Unicode-3.0", Some(true)),
            ("(MIT OR Apache-2.0) AND BSD-3-Clause", Some(false)),
            ("GPL-2.0 WITH LLVM-exception OR Apache-2.0 WITH LLVM-exception", Some(true)),
            ("(MIT", None),
            ("MIT MIT", None),
            ("", None),
        ] {
            assert_eq!(Expression::new(expression).evaluate(&ok), expected, "{expression}");
        }
    }
}
