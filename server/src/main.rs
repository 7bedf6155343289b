//! `gongzheng-server`: the command line. Each command has a file in `commands/`; data goes to stdout, talk to stderr.

mod commands;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Takes signed records from gateways, keeps each site's log, computes and shows what follows from it.
#[derive(Parser)]
#[command(name = "gongzheng-server", version)]
struct Arguments {
    /// Configuration file.
    #[arg(long, default_value = "server.toml", global = true)]
    config: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the server until SIGINT or SIGTERM.
    Run,
    /// Check the configuration and say what it means.
    Check,
    /// Test this deployment: disk, keys, ports, clock, journal.
    Doctor,
    /// Check every site's log from its files alone; name damage.
    Fsck(commands::fsck::Arguments),
    /// Throw derived data away and compute it again from the logs.
    Rebuild(commands::rebuild::Arguments),
    /// First code, users, sites, enrolment codes, statements, trust file, tokens.
    Admin(commands::admin::Arguments),
    /// Issue a report with its bundle and print the bundle's path.
    Report(commands::report::Arguments),
    /// Definitions of the metrics; a file evaluated without a gateway; power bands suggested from a recording.
    Metrics(commands::metrics::Arguments),
    /// Print the OpenAPI document of the REST API.
    #[command(hide = true)]
    Openapi,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let done = match arguments.command {
        Command::Run => commands::run::run(&arguments.config),
        Command::Check => commands::check::run(&arguments.config),
        Command::Doctor => commands::doctor::run(&arguments.config),
        Command::Fsck(options) => commands::fsck::run(&arguments.config, &options),
        Command::Rebuild(options) => commands::rebuild::run(&arguments.config, &options),
        Command::Admin(options) => commands::admin::run(&arguments.config, options),
        Command::Report(options) => commands::report::run(&arguments.config, options),
        Command::Metrics(options) => commands::metrics::run(options),
        Command::Openapi => {
            println!("{}", server::api::openapi_json());
            Ok(ExitCode::SUCCESS)
        }
    };
    match done {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
