//! What the program does beside checking a bundle: check a proof, check a witness's finding, be a witness.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Subcommand;
use verify::{Conflict, Trust, Worth, check_proof};

use crate::{Common, Lang, show};

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Checks a .tlog-proof (one leaf is in the log) or a consistency proof. 核验单条包含证明或一致性证明。
    Proof {
        /// The proof. 证明文件。
        file: PathBuf,
        #[command(flatten)]
        common: Common,
        /// For a consistency proof: the older checkpoint. 一致性证明所依据的较早检查点。
        #[arg(long)]
        checkpoint: Option<PathBuf>,
    },
    /// Checks what a witness found: exit code 0 proven, 1 void or cleared, 2 open. 核验见证方的发现文件。
    Finding {
        /// The witness's file. 发现文件。
        file: PathBuf,
        /// Trust file with the log's key. 信任文件（含站点日志密钥）。
        #[arg(long)]
        trust: PathBuf,
        /// A consistency proof that the log's operator gave since. 运营单位事后提供的一致性证明。
        #[arg(long)]
        proof: Option<PathBuf>,
        /// Language of the answer. 语言。
        #[arg(long, value_enum)]
        lang: Option<Lang>,
    },
    /// Runs a witness: cosigns the checkpoints of logs run by another body. 运行见证服务。
    #[cfg(feature = "witness")]
    Witness {
        /// Configuration, see configs/witness.example.toml. 配置文件。
        #[arg(long, default_value = "witness.toml")]
        config: PathBuf,
        /// Print who this witness is, its key and fingerprint; do nothing else. 显示密钥与指纹。
        #[arg(long)]
        show_key: bool,
    },
}

impl Command {
    pub(crate) fn lang(&self) -> Option<Lang> {
        match self {
            Self::Proof { common, .. } => common.lang,
            Self::Finding { lang, .. } => *lang,
            #[cfg(feature = "witness")]
            Self::Witness { .. } => None,
        }
    }
}

/// Does it; returns the exit code.
pub(crate) fn run(command: &Command, lang: Lang) -> anyhow::Result<u8> {
    match command {
        Command::Proof { file, common, checkpoint } => {
            let keys = common.trust.as_deref().map(trust).transpose()?;
            let older = checkpoint.as_deref().map(text).transpose()?;
            let outcome = check_proof(&text(file)?, keys.as_ref(), older.as_deref());
            show(&outcome, &[], common.json, lang)?;
            Ok(outcome.verdict.exit_code())
        }
        Command::Finding { file, trust: keys, proof, .. } => {
            let conflict = Conflict::parse(&bytes(file)?).map_err(anyhow::Error::msg);
            let conflict = conflict.with_context(|| file.display().to_string())?;
            let proof = proof.as_deref().map(text).transpose()?;
            let proof = proof.map(|text| protocol::proof::ConsistencyProof::parse(&text)).transpose()?;
            let (worth, zh, en) = conflict.check(&trust(keys)?.log_keys, proof.as_ref());
            let (mark, zh_verdict, en_verdict, code) = match worth {
                Worth::Proven => ("✕", "成立：历史被改写，文件本身即为证据", "PROVEN: this file is the evidence", 0),
                Worth::Open => (
                    "•",
                    "待澄清：须由站点日志运营单位提供一致性证明",
                    "OPEN: the log's operator has to give the proof",
                    2,
                ),
                Worth::Cleared => ("✓", "已澄清", "CLEARED", 1),
                Worth::Void => ("•", "不成立", "VOID", 1),
            };
            println!(
                "{mark} {}\n{} {}",
                lang.pick(&zh, &en),
                lang.pick("结论：", "result:"),
                lang.pick(zh_verdict, en_verdict)
            );
            Ok(code)
        }
        #[cfg(feature = "witness")]
        Command::Witness { config, show_key } => {
            if *show_key {
                println!("{}", verify::witness::show_key(config)?);
            } else {
                verify::witness::serve(config)?;
            }
            Ok(0)
        }
    }
}

/// How an error that ended the program begins.
pub(crate) fn failed(command: Option<&Command>) -> (&'static str, &'static str) {
    match command {
        #[cfg(feature = "witness")]
        Some(Command::Witness { .. }) => ("见证程序无法运行：", "the witness cannot run: "),
        _ => ("无法核验：", "cannot verify: "),
    }
}

/// Reads a trust file.
pub(crate) fn trust(path: &Path) -> anyhow::Result<Trust> {
    Trust::parse(&bytes(path)?).map_err(anyhow::Error::msg)
}

fn text(path: &Path) -> anyhow::Result<String> {
    String::from_utf8(bytes(path)?).with_context(|| path.display().to_string())
}

fn bytes(path: &Path) -> anyhow::Result<Vec<u8>> {
    std::fs::read(path).with_context(|| path.display().to_string())
}
