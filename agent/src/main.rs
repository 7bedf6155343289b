//! `gongzheng-agent`: the gateway's one program. Parses the command line and prints what the commands say.

use std::os::unix::process::CommandExt as _;
use std::process::{Command as Process, ExitCode};

use agent::commands::{self, Arguments, Command};
use anyhow::Context as _;
use clap::Parser as _;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let mut lang = commands::language(arguments.lang, None);
    match execute(&arguments, &mut lang) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("{}", commands::explain(&error, lang));
            ExitCode::FAILURE
        }
    }
}

fn execute(arguments: &Arguments, lang: &mut agent::locale::Lang) -> anyhow::Result<ExitCode> {
    // One thread is enough for all sockets; the buffer has its own for the disk.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let load = |lang: &mut agent::locale::Lang| {
        let (config, chosen) = commands::load(&arguments.config, arguments.lang)?;
        *lang = chosen;
        anyhow::Ok(config)
    };
    match &arguments.command {
        Command::Run => {
            let again = runtime.block_on(commands::run::run(load(lang)?, *lang))?;
            // A fresh image of the same program, so that nothing of the old configuration lives on.
            drop(runtime);
            if again {
                let error = Process::new(std::env::current_exe()?).args(std::env::args_os().skip(1)).exec();
                return Err(error).context("The agent could not start itself again.");
            }
        }
        Command::Check => print!("{}", commands::check::report(&load(lang)?, *lang)),
        Command::Doctor => {
            let config = load(lang)?;
            if !runtime.block_on(commands::doctor::run(&config, *lang)) {
                return Ok(ExitCode::FAILURE);
            }
        }
        Command::Probe(options) => {
            print!("{}", runtime.block_on(commands::probe::report(&load(lang)?, options, *lang))?);
        }
        Command::Profiles(options) => print!("{}", commands::profiles::report(options, *lang)?),
        Command::Scan(options) => runtime.block_on(commands::scan::run(&arguments.config, options, *lang))?,
        Command::Tail(options) => runtime.block_on(commands::tail::follow(&load(lang)?, options, *lang))?,
        Command::Browse(options) => {
            print!("{}", runtime.block_on(commands::browse::report(&load(lang)?, options, *lang))?);
        }
        Command::Carry(options) => runtime.block_on(commands::carry::run(&load(lang)?, options, *lang))?,
        Command::Init(options) => runtime.block_on(commands::init::run(&arguments.config, arguments.lang, options))?,
        Command::Status(options) => {
            print!("{}", runtime.block_on(commands::status::report(&load(lang)?, options, *lang))?);
        }
    }
    Ok(ExitCode::SUCCESS)
}
