//! `gongzheng-verify <bundle> [--trust FILE] [--checkpoint FILE]`: says whether a bundle holds, where it does not, and leaves a matching exit code.
//! `proof`, `finding` and `witness` are in [`command`].
//!
//! Exit codes: 0 verified · 1 refused · 2 consistent, not anchored (no trust file) · 3 the program could not do its work.

mod command;
mod table;

use std::{path::PathBuf, process::ExitCode};

use anyhow::Context as _;
use clap::error::{ContextKind, ContextValue};
use clap::{Args, Parser, ValueEnum};
use verify::{BundleFile, KeptCheckpoints, Outcome, Settings, Severity, Verdict};

/// Checks an evidence bundle offline. 离线核验电子佐证包。
#[derive(Parser)]
#[command(name = "gongzheng-verify", version, args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
struct Arguments {
    /// The bundle. 佐证包文件。
    #[arg(required = true)]
    bundle: Option<PathBuf>,
    #[command(flatten)]
    common: Common,
    /// Checkpoints kept from earlier: must agree with the bundle. 以前留存的检查点，须与佐证包一致。
    #[arg(long)]
    checkpoint: Option<PathBuf>,
    #[command(subcommand)]
    command: Option<command::Command>,
}

/// What a bundle and a proof are checked with, and how the answer is given.
#[derive(Args)]
struct Common {
    /// Trust file: the keys that count. 信任文件。
    #[arg(long)]
    trust: Option<PathBuf>,
    /// Language of the answer. 语言。
    #[arg(long, value_enum)]
    lang: Option<Lang>,
    /// Print findings as JSON. 以 JSON 输出。
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Lang {
    #[value(alias = "zh-CN")]
    Zh,
    En,
}

impl Lang {
    fn choose(asked: Option<Self>) -> Self {
        let from_env = || {
            let set = ["GZ_LANG", "LC_ALL", "LANG"]
                .into_iter()
                .find_map(|name| std::env::var(name).ok().filter(|v| !v.is_empty()));
            if set.is_some_and(|v| v.starts_with("zh")) { Self::Zh } else { Self::En }
        };
        asked.unwrap_or_else(from_env)
    }

    fn pick<'t>(self, zh: &'t str, en: &'t str) -> &'t str {
        if self == Self::Zh { zh } else { en }
    }
}

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(e) => return not_understood(&e),
    };
    let lang =
        Lang::choose(arguments.common.lang.or_else(|| arguments.command.as_ref().and_then(command::Command::lang)));
    let done = match &arguments.command {
        Some(command) => command::run(command, lang),
        None => run(&arguments, lang).map(Verdict::exit_code),
    };
    match done {
        Ok(code) => ExitCode::from(code),
        Err(e) => {
            let (zh, en) = command::failed(arguments.command.as_ref());
            eprintln!("{}{e:#}", lang.pick(zh, en));
            ExitCode::from(3)
        }
    }
}

/// A command line that cannot be followed leaves the code of what cannot be verified, never that of a verdict.
fn not_understood(error: &clap::Error) -> ExitCode {
    match error.get(ContextKind::InvalidSubcommand) {
        // Whatever follows the bundle is looked for among the commands.
        Some(ContextValue::String(more)) => eprintln!(
            "一次只核验一个佐证包，多出了“{more}”；请逐个核验，用法见 --help / one bundle is checked at a time, and `{more}` is one too many; check them one by one, see --help"
        ),
        // Nothing is left to do about a closed output.
        _ => _ = error.print(),
    }
    if error.use_stderr() { ExitCode::from(3) } else { ExitCode::SUCCESS }
}

fn run(arguments: &Arguments, lang: Lang) -> anyhow::Result<Verdict> {
    let trust = arguments.common.trust.as_deref().map(command::trust).transpose()?;
    let path = arguments.bundle.as_ref().context("no bundle")?;
    let bundle = BundleFile::open(path).with_context(|| path.display().to_string())?;
    let kept = match &arguments.checkpoint {
        None => None,
        Some(path) => {
            let bytes = std::fs::read(path).with_context(|| path.display().to_string())?;
            let kept = KeptCheckpoints::parse(&bytes).map_err(anyhow::Error::msg);
            Some(kept.with_context(|| path.display().to_string())?)
        }
    };
    let outcome = verify::verify_source(&bundle, &Settings::new(trust.as_ref(), kept.as_ref()));
    show(&outcome, &table::lines(&outcome, lang), arguments.common.json, lang)?;
    Ok(outcome.verdict)
}

/// Shows findings, tables, verdict.
fn show(outcome: &Outcome, tables: &[String], json: bool, lang: Lang) -> anyhow::Result<()> {
    if json {
        println!("{}", serde_json::to_string_pretty(outcome)?);
    } else {
        print(outcome, tables, lang);
    }
    Ok(())
}

fn print(outcome: &Outcome, tables: &[String], lang: Lang) {
    if outcome.simulated {
        println!(
            "{}",
            lang.pick(
                "【模拟数据】本企业为模拟企业，数值没有真实设备支撑。",
                "[SIMULATED] No real machine stands behind these numbers."
            )
        );
    }
    // A damaged bundle may yield thousands of findings of one kind; a person needs the first of each.
    let mut shown = std::collections::BTreeMap::new();
    for finding in &outcome.findings {
        let count: &mut usize = shown.entry((finding.code, finding.severity == Severity::Refused)).or_default();
        *count += 1;
        if *count > 10 {
            continue;
        }
        let mark = match finding.severity {
            Severity::Ok => "✓",
            Severity::Note => "•",
            Severity::Refused => "✕",
        };
        let place = if finding.place.is_empty() { String::new() } else { format!("[{}] ", finding.place) };
        println!("{mark} {place}{}", lang.pick(&finding.zh, &finding.en));
    }
    for ((code, _), count) in shown.iter().filter(|(_, count)| **count > 10) {
        println!("  … {} {code}: {}", lang.pick("另有同类", "and more of"), count - 10);
    }
    for line in tables {
        println!("{line}");
    }
    if !tables.is_empty() {
        println!();
    }
    let (zh, en) = match outcome.verdict {
        Verdict::Verified => ("结论：核验通过", "VERIFIED"),
        Verdict::NotRecomputed => ("结论：签名与站点日志无误，数值未复算", "SIGNED, NOT RECOMPUTED"),
        Verdict::ConsistentNotAnchored => ("结论：内部一致，未锚定", "CONSISTENT, NOT ANCHORED"),
        Verdict::Refused => ("结论：核验不通过", "REFUSED"),
    };
    println!("{}", lang.pick(zh, en));
}
