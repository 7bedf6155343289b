//! `admin`: what the operator does on this machine, whether the server runs or not.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Subcommand;
use protocol::{GatewayId, SiteId};
use server::admin::{ProofWanted, Request, TableWanted, perform};

use super::{block_on, chinese, load, misleading_host, say};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Print a new first-run code; only while there is no user.
    FirstCode,
    /// Users.
    #[command(subcommand)]
    User(User),
    /// Sites.
    #[command(subcommand)]
    Site(Site),
    /// Gateways.
    #[command(subcommand)]
    Gateway(Gateway),
    /// State something about a site: machines, calendar, planned cycle times, plans, stops, quality counts.
    Declare {
        /// The site.
        #[arg(long)]
        site: SiteId,
        /// JSON file with one statement or a list; `-` reads standard input.
        #[arg(long)]
        file: PathBuf,
    },
    /// State what the rows of a table say: CSV or XLSX, whole or not at all. The page of declarations has the templates.
    Import {
        /// The site.
        #[arg(long)]
        site: SiteId,
        /// Which table: `ledger`, `meter`, `calendar`, `cycle_time`, `quality_count`, `batch`, `bill`, `revenue` …
        #[arg(long)]
        table: String,
        /// The file.
        #[arg(long)]
        file: PathBuf,
        /// Why; it goes with every statement.
        #[arg(long, default_value = "")]
        reason: String,
        /// Only say what would be declared.
        #[arg(long)]
        check: bool,
    },
    /// Records and receipts on a stick, for gateways without a network.
    #[command(subcommand)]
    Carry(Carry),
    /// Print the trust file for `gongzheng-verify --trust`.
    Trust {
        /// Only this site's gateways.
        #[arg(long)]
        site: Option<SiteId>,
    },
    /// Print a proof: that a leaf is in a site's log (.tlog-proof), or that its log at one size continues an earlier one.
    Proof {
        /// The site.
        #[arg(long)]
        site: SiteId,
        /// Number of the leaf, from 0.
        #[arg(long, conflicts_with_all = ["from", "to"], required_unless_present = "from")]
        leaf: Option<u64>,
        /// Size of the earlier log.
        #[arg(long, requires = "to")]
        from: Option<u64>,
        /// Size of the later log.
        #[arg(long, requires = "from")]
        to: Option<u64>,
    },
    /// API tokens.
    #[command(subcommand)]
    Token(Token),
    /// Print sites, gateways, and counters and alarms of the way in as JSON.
    Status,
}

#[derive(Subcommand)]
enum Carry {
    /// Take what gateways exported, and write their receipts beside it.
    Import {
        /// The stick's folder, or one file.
        path: PathBuf,
    },
}

#[derive(Subcommand)]
enum Token {
    /// Make an API token for a user; it is shown once.
    Add {
        /// The user.
        #[arg(long)]
        user: String,
        /// What it is for.
        #[arg(long, default_value = "api")]
        label: String,
        /// How long it works.
        #[arg(long, default_value_t = 90)]
        days: u32,
    },
    /// Revoke an API token.
    Revoke {
        /// The user.
        #[arg(long)]
        user: String,
        /// Its name in `admin user list`.
        #[arg(long)]
        token: String,
    },
}

#[derive(Subcommand)]
enum User {
    /// Add a user; prints a made-up password unless one is given in a file.
    Add {
        /// Name to sign in with.
        #[arg(long)]
        name: String,
        /// city, finance, district, centre, supervisor, assessor, firm, provider or administrator.
        #[arg(long)]
        role: String,
        /// everything, city:…, district:…, sub_sector:… or site:….
        #[arg(long, default_value = "everything")]
        scope: String,
        /// First day of the appointment, like 2026-01-01; from now on by default.
        #[arg(long)]
        from: Option<String>,
        /// Last day of the appointment, like 2026-12-31.
        #[arg(long)]
        until: Option<String>,
        /// File with the password, so that it never stands on a command line; `-` reads standard input.
        #[arg(long)]
        password_file: Option<PathBuf>,
    },
    /// Give a user one more role; prints the number of the grant.
    Grant {
        /// The user.
        #[arg(long)]
        name: String,
        /// As for `add`.
        #[arg(long)]
        role: String,
        /// As for `add`.
        #[arg(long, default_value = "everything")]
        scope: String,
        /// First day of the appointment, like 2026-01-01; from now on by default.
        #[arg(long)]
        from: Option<String>,
        /// Last day of the appointment, like 2026-12-31.
        #[arg(long)]
        until: Option<String>,
    },
    /// End an appointment, now or at the end of a day.
    End {
        /// The user.
        #[arg(long)]
        name: String,
        /// Number of the grant, as `list` shows it.
        #[arg(long)]
        grant: i64,
        /// Its last day, like 2026-12-31; ended now by default.
        #[arg(long)]
        on: Option<String>,
    },
    /// Lock a user out: password, sessions and tokens.
    Disable {
        /// The user.
        #[arg(long)]
        name: String,
    },
    /// Let a user in again.
    Enable {
        /// The user.
        #[arg(long)]
        name: String,
    },
    /// Delete a locked-out user's name, grants and tokens for good; the logs keep the pseudonym.
    Forget {
        /// The user.
        #[arg(long)]
        name: String,
    },
    /// Print users with their grants and tokens as JSON.
    List,
}

#[derive(Subcommand)]
enum Site {
    /// Create a site.
    Add {
        /// Identifier: a-z, 0-9 and `-`.
        site: SiteId,
        /// Chinese name.
        #[arg(long)]
        name_zh: String,
        /// English name; the Chinese one by default.
        #[arg(long)]
        name_en: Option<String>,
        /// City.
        #[arg(long, default_value = "")]
        city: String,
        /// District.
        #[arg(long, default_value = "")]
        district: String,
        /// Pilot sub-sector.
        #[arg(long, default_value = "")]
        sub_sector: String,
        /// IANA time zone.
        #[arg(long, default_value = "Asia/Shanghai")]
        zone: String,
        /// The site is simulated: accepts accelerated history and is marked SIMULATED for ever.
        #[arg(long)]
        simulated: bool,
    },
}

#[derive(Subcommand)]
enum Gateway {
    /// Print a one-time enrolment code.
    Code {
        /// The site.
        #[arg(long)]
        site: SiteId,
        /// The gateway's name.
        #[arg(long)]
        gateway: GatewayId,
    },
    /// Take no more records from a gateway.
    Revoke {
        /// The site.
        #[arg(long)]
        site: SiteId,
        /// The gateway's name.
        #[arg(long)]
        gateway: GatewayId,
        /// Why; it is written into the log.
        #[arg(long)]
        reason: String,
    },
    /// Put a new box in the place of an old one, under the same name: ends the old key, prints a code for the new box.
    Replace {
        /// The site.
        #[arg(long)]
        site: SiteId,
        /// The gateway's name.
        #[arg(long)]
        gateway: GatewayId,
        /// Why; it is written into the log.
        #[arg(long)]
        reason: String,
    },
}

pub(crate) fn run(config: &Path, arguments: Arguments) -> Result<ExitCode> {
    match arguments.command {
        Command::Carry(Carry::Import { path }) => super::carry::import(config, &path),
        command => send(config, request(command)?),
    }
}

/// Performs a request and prints: data on stdout, words on stderr.
pub(super) fn send(config: &Path, request: Request) -> Result<ExitCode> {
    answered(config, request)?;
    Ok(ExitCode::SUCCESS)
}

/// The same, and returns the data.
pub(super) fn answered(config: &Path, request: Request) -> Result<String> {
    let config = load(config)?;
    let is_code = matches!(request, Request::GatewayCode { .. } | Request::GatewayReplace { .. });
    let reply = block_on(async { perform(&config, request).await })?;
    let words = if chinese() { reply.zh } else { reply.en };
    if !words.is_empty() {
        eprintln!("{words}");
    }
    if !reply.data.is_empty() {
        println!("{}", reply.data);
    }
    if is_code {
        // The whole line, so that nothing has to be put together on a ladder.
        let (server, lang) = (config.reached_at(config.enrol.port()), say("zh", "en"));
        eprintln!("{}", say("在网关上运行：", "on the gateway run:"));
        eprintln!("  sudo -u gongzheng gongzheng-agent --lang {lang} init --server {server} --code {}", reply.data);
        if config.misleads_gateways() {
            let (what, todo) = misleading_host(&config);
            eprintln!("{what}\n  {} {todo}", say("建议：", "hint:"));
        }
    }
    Ok(reply.data)
}

fn request(command: Command) -> Result<Request> {
    Ok(match command {
        Command::FirstCode => Request::FirstCode,
        Command::User(User::Add { name, role, scope, from, until, password_file }) => {
            let password = password_file.as_deref().map(read).transpose()?;
            let password = password.map(|text| text.trim_end_matches(['\r', '\n']).to_owned());
            Request::UserAdd { name, password, role, scope, from, until }
        }
        Command::User(User::Grant { name, role, scope, from, until }) => {
            Request::UserGrant { name, role, scope, from, until }
        }
        Command::User(User::End { name, grant, on }) => Request::UserEnd { name, grant, on },
        Command::User(User::Disable { name }) => Request::UserDisable { name, again: false },
        Command::User(User::Enable { name }) => Request::UserDisable { name, again: true },
        Command::User(User::Forget { name }) => Request::UserForget { name },
        Command::User(User::List) => Request::UserList,
        Command::Site(Site::Add { site, name_zh, name_en, city, district, sub_sector, zone, simulated }) => {
            Request::SiteAdd { site, name_zh, name_en, city, district, sub_sector, zone, simulated }
        }
        Command::Gateway(Gateway::Code { site, gateway }) => Request::GatewayCode { site, gateway },
        Command::Gateway(Gateway::Revoke { site, gateway, reason }) => Request::GatewayRevoke { site, gateway, reason },
        Command::Gateway(Gateway::Replace { site, gateway, reason }) => {
            Request::GatewayReplace { site, gateway, reason }
        }
        Command::Declare { site, file } => Request::Declare { site, text: read(&file)? },
        Command::Import { site, table, file, reason, check } => {
            let bytes = std::fs::read(&file).with_context(|| file.display().to_string())?;
            let name = file.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
            let data = data_encoding::BASE64.encode(&bytes);
            Request::Import { site, wanted: TableWanted { table, name, data, reason, check } }
        }
        Command::Carry(Carry::Import { path }) => Request::Carried { file: path },
        Command::Trust { site } => Request::Trust { site },
        Command::Proof { site, leaf, from, to } => {
            let sizes = from.zip(to).map(|(from, to)| ProofWanted::Sizes(from, to));
            let wanted = leaf.map(ProofWanted::Leaf).or(sizes).context("--leaf, or --from and --to")?;
            Request::Proof { site, wanted }
        }
        Command::Token(Token::Add { user, label, days }) => Request::Token { user, label, days },
        Command::Token(Token::Revoke { user, token }) => Request::TokenRevoke { user, token },
        Command::Status => Request::Status,
    })
}

fn read(path: &Path) -> Result<String> {
    if path == Path::new("-") {
        return std::io::read_to_string(std::io::stdin()).context("standard input");
    }
    std::fs::read_to_string(path).with_context(|| path.display().to_string())
}
