//! `metrics`: what every figure means, and figures from a file of one's own, without a server, a site or a gateway.
//!
//! Exit codes: 0 done; 1 refused (a file, a plan, an unknown definition); 2 the command line is wrong; 3 rows of the file are bad and
//! nothing was evaluated.

mod catalogue;
mod evaluate;
mod further;
mod lines;
mod table;
mod thresholds;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, anyhow};
use clap::Subcommand;
use server::evaluate::said::Refusal;

use super::chinese;

/// Rows are bad and nothing was evaluated.
const BAD_ROWS: u8 = 3;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// List every definition: id, name, unit, standard.
    List {
        /// As canonical JSON.
        #[arg(long)]
        json: bool,
    },
    /// Explain a definition: formula, standard and clause, edge rules, what evaluates it.
    Explain {
        /// Its id, such as oee.iso22400@1.
        id: String,
        /// As canonical JSON.
        #[arg(long)]
        json: bool,
    },
    /// Evaluate a file of readings under a plan file, as if they had come from a gateway; every value is grade D.
    Evaluate(Evaluate),
    /// Suggest power bands for a machine known only by a clamp, from recorded power, with reasons.
    Thresholds(Thresholds),
}

#[derive(clap::Args)]
struct Evaluate {
    /// Plan file (TOML): site, machines, tags, periods.
    #[arg(long)]
    plan: PathBuf,
    /// Readings: .csv, .tsv, .txt or .parquet.
    #[arg(long)]
    readings: PathBuf,
    /// Evaluate without the rows that cannot be used; the result says how many they were.
    #[arg(long)]
    accept_bad_rows: bool,
    /// Beyond the report: every figure with its quantities, energy saved under the plan, matters to verify.
    #[arg(long)]
    all: bool,
    /// As canonical JSON.
    #[arg(long)]
    json: bool,
}

#[derive(clap::Args)]
struct Thresholds {
    /// Readings: .csv, .tsv, .txt or .parquet.
    #[arg(long)]
    readings: PathBuf,
    /// The power tag, device/name.
    #[arg(long)]
    tag: String,
    /// Plan file that describes the tag.
    #[arg(long, conflicts_with_all = ["unit", "interval_ms", "zone"])]
    plan: Option<PathBuf>,
    /// Without a plan: W or kW.
    #[arg(long, requires = "interval_ms")]
    unit: Option<String>,
    /// Without a plan: interval between readings, milliseconds.
    #[arg(long, requires = "unit", value_parser = clap::value_parser!(i64).range(1..=86_400_000))]
    interval_ms: Option<i64>,
    /// Without a plan: zone of local times, such as Asia/Shanghai.
    #[arg(long)]
    zone: Option<String>,
    /// As canonical JSON.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: Arguments) -> Result<ExitCode> {
    match arguments.command {
        Command::List { json } => catalogue::list(json),
        Command::Explain { id, json } => catalogue::explain(&id, json),
        Command::Evaluate(arguments) => evaluate::run(&arguments),
        Command::Thresholds(arguments) => thresholds::run(&arguments),
    }
}

/// A refusal in the reader's language.
fn refused(refusal: &Refusal) -> anyhow::Error {
    anyhow!(refusal.in_language(chinese()))
}

/// Canonical JSON and a line end on stdout.
fn print_json(json: &serde_json::Value) -> Result<()> {
    print_bytes(&protocol::canonical_json(json)?)
}

fn print_bytes(bytes: &[u8]) -> Result<()> {
    use std::io::Write as _;
    let mut out = std::io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.write_all(b"\n")).and_then(|()| out.flush()) {
        // Whoever reads has seen enough.
        Err(e) if e.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        done => Ok(done?),
    }
}
