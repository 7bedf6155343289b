//! `cargo xtask bench`: how fast, how small, how much wear — with the engines beside ours in the same run, because absolute
//! numbers belong to a machine and ratios to a design. A full run rewrites `docs/reference/benchmarks.md`.
//!
//! Arguments choose sections by name; without any, all run and the document is written.

mod buffer;
mod codec;
mod duckdb;
mod fold;
mod gateway;
mod ingest;
mod measure;
mod metric;
mod node_red;
mod onepass;
mod plant;
mod verify;
mod workshop;

use anyhow::Result;

use crate::measure::Table;

type Section = (&'static str, &'static str, fn(&mut Table) -> Result<()>);

const SECTIONS: &[Section] = &[
    ("codec", "Batches: sign and encode, verify and decode", codec::run),
    ("workshop", "Bytes per reading on the simulated workshop", workshop::run),
    ("buffer", "The gateway's buffer, sled 0.34 and SQLite", buffer::run),
    ("ingest", "The server: verify, accept, journal", ingest::run),
    ("metric", "Metrics: from leaves to shift results", metric::run),
    ("fold", "Metrics: the two folds alone", fold::run),
    ("onepass", "Metrics: one pass over months", onepass::run),
    ("verify", "The verifier: bundles of a week and of a month", verify::run),
    ("duckdb", "Metrics: DuckDB over the same readings", duckdb::run),
    ("gateway", "The agent under load, Node-RED beside it", gateway::run),
];

fn main() -> Result<()> {
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    if let [command, days] = wanted.as_slice()
        && command == "one-pass"
    {
        return onepass::child(days);
    }
    if let Some((command, arguments)) = wanted.split_first()
        && command == "bundle"
    {
        return verify::child(arguments);
    }
    let mut document = measure::preamble()?;
    for (name, title, run) in SECTIONS {
        if !wanted.is_empty() && !wanted.iter().any(|w| w == name) {
            continue;
        }
        eprintln!("… {title}");
        let mut table = Table::default();
        run(&mut table)?;
        let text = table.markdown(title);
        print!("{text}");
        document.push_str(&text);
    }
    if wanted.is_empty() {
        let path = tests::repo::root().join("docs/reference/benchmarks.md");
        std::fs::write(&path, document)?;
        println!("written: {}", path.display());
    }
    Ok(())
}
