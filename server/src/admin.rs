//! What the operator does on the server's own machine: first code, users, sites, enrolment codes, statements, trust, tokens.
//!
//! Constraints
//! 1. One function, [`execute`], does everything; how the request came is not its business. While the server runs, the
//!    command line hands the request to it through a Unix socket in the data directory (a folder only its owner may
//!    enter); otherwise the command opens the data directory itself. Either way there is one writer, by the lock.
//! 2. Whoever may open the data directory may do everything here: it holds the keys. There is no password on this door.
//! 3. What can move a number goes through the site's log as a declaration, with author, role and reason.
//! 4. Data for programs (a code, a password, JSON) is [`Reply::data`] and goes to stdout alone; words are beside it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use protocol::{Declaration, GatewayId, SiteId};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use crate::accounts::{AccountError, Accounts};
use crate::ingest::Ingest;
use crate::keys::{KeyError, Keys};
use crate::planning::{self, PlanningError};
use crate::reporting::{self, Issuer, ReportingError, Wanted};
use crate::sitelog::{LogError, SiteLogs};
use crate::state::{Clock, Door};
use crate::store::{SiteRow, Store, StoreError};

pub mod carry;
mod gateways;
mod people;
mod proof;
mod socket;
mod status;
mod table;

pub use proof::ProofWanted;
pub use socket::{is_running, listen, perform, serve};
pub use table::TableWanted;

/// What the operator wants.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case", deny_unknown_fields)]
pub enum Request {
    /// A new first-run code.
    FirstCode,
    /// Add a user. Without a password one is made up and printed.
    UserAdd {
        /// Name to sign in with.
        name: String,
        /// Password, or made up.
        password: Option<String>,
        /// Role identifier.
        role: String,
        /// `everything`, `city:…`, `district:…`, `sub_sector:…` or `site:…`.
        scope: String,
        /// First day of the grant, `YYYY-MM-DD`; from now on by default.
        #[serde(default)]
        from: Option<String>,
        /// Last day of the grant, `YYYY-MM-DD`; open-ended by default.
        until: Option<String>,
    },
    /// Give a user one more role.
    UserGrant {
        /// Whose.
        name: String,
        /// Role identifier.
        role: String,
        /// As for [`Request::UserAdd`].
        scope: String,
        /// First day, `YYYY-MM-DD`; from now on by default.
        from: Option<String>,
        /// Last day, `YYYY-MM-DD`; open-ended by default.
        until: Option<String>,
    },
    /// End a grant.
    UserEnd {
        /// Whose.
        name: String,
        /// The grant's number.
        grant: i64,
        /// Its last day, `YYYY-MM-DD`; ended now by default.
        on: Option<String>,
    },
    /// Lock a user out, or let them in again.
    UserDisable {
        /// Whom.
        name: String,
        /// Let in again.
        again: bool,
    },
    /// Delete a locked-out user's name and everything that belongs to it; the logs keep the pseudonym.
    UserForget {
        /// Whom.
        name: String,
    },
    /// Users with their grants and tokens, as JSON.
    UserList,
    /// Create a site, with its log and its first declaration.
    SiteAdd {
        /// Identifier.
        site: SiteId,
        /// Chinese name.
        name_zh: String,
        /// English name; the Chinese one by default.
        name_en: Option<String>,
        /// City.
        city: String,
        /// District.
        district: String,
        /// Pilot sub-sector.
        sub_sector: String,
        /// IANA time zone.
        zone: String,
        /// Accepts accelerated history, and says SIMULATED everywhere for ever.
        simulated: bool,
    },
    /// A one-time enrolment code.
    GatewayCode {
        /// Site.
        site: SiteId,
        /// Gateway.
        gateway: GatewayId,
    },
    /// No more records from this gateway's key.
    GatewayRevoke {
        /// Site.
        site: SiteId,
        /// Gateway.
        gateway: GatewayId,
        /// Why.
        reason: String,
    },
    /// A new box takes the place of a gateway's under the same name: the old one's key ends, and a code for the new one begins.
    GatewayReplace {
        /// Site.
        site: SiteId,
        /// Gateway.
        gateway: GatewayId,
        /// Why.
        reason: String,
    },
    /// State something about a site: one declaration or a list, as JSON text.
    Declare {
        /// Site.
        site: SiteId,
        /// `{kind, effective_from?, reason?, body}` or a list of them.
        text: String,
    },
    /// State what the rows of a table say: CSV or XLSX.
    Import {
        /// Site.
        site: SiteId,
        /// The table.
        wanted: TableWanted,
    },
    /// Take the records of a file that came on a stick; the data of the reply is a [`carry::Answered`].
    Carried {
        /// The file, where the server can read it.
        file: PathBuf,
    },
    /// The trust file: what `gongzheng-verify --trust` needs.
    Trust {
        /// Only this site's gateways; all by default.
        site: Option<SiteId>,
    },
    /// An API token for a user.
    Token {
        /// Whose.
        user: String,
        /// What it is for.
        label: String,
        /// How long it works, days.
        days: u32,
    },
    /// Revoke an API token.
    TokenRevoke {
        /// Whose.
        user: String,
        /// Its name in the list of users.
        token: String,
    },
    /// Issue a report and bundle it.
    Report {
        /// Site.
        site: SiteId,
        /// Plan or dates.
        wanted: Wanted,
    },
    /// Proof that a leaf is in a site's log, or that the log at one size continues the log at another.
    Proof {
        /// Site.
        site: SiteId,
        /// Which.
        wanted: ProofWanted,
    },
    /// Sites, gateways, number of users, and the health of the way in, as JSON.
    Status,
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reply {
    /// For stdout: a code, a path, JSON; may be empty.
    pub data: String,
    /// Words for people, Chinese.
    pub zh: String,
    /// Words for people, English.
    pub en: String,
}

/// Everything [`execute`] needs.
#[derive(Clone)]
pub struct Context {
    /// The database.
    pub store: Store,
    /// People.
    pub accounts: Accounts,
    /// The sites' logs.
    pub logs: SiteLogs,
    /// What signs and issues.
    pub keys: Arc<Keys>,
    /// The way in: its counters and alarms.
    pub ingest: Ingest,
    /// The endpoint's handle, once it listens; never where none runs.
    pub door: Door,
    /// Time.
    pub clock: Clock,
    /// Where everything lives.
    pub data_dir: PathBuf,
}

/// Why it could not be done.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// A parameter makes no sense.
    #[error("{en} / {zh}")]
    Invalid {
        /// Chinese.
        zh: String,
        /// English.
        en: String,
    },
    /// Accounts.
    #[error(transparent)]
    Account(#[from] AccountError),
    /// Database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Log.
    #[error(transparent)]
    Log(#[from] LogError),
    /// Keys.
    #[error(transparent)]
    Keys(#[from] KeyError),
    /// Report.
    #[error(transparent)]
    Report(#[from] ReportingError),
    /// It would move a lock, or count for nothing in the course of a filed plan.
    #[error(transparent)]
    Planning(#[from] PlanningError),
}

fn invalid(zh: impl Into<String>, en: impl Into<String>) -> AdminError {
    AdminError::Invalid { zh: zh.into(), en: en.into() }
}

fn reply(data: impl Into<String>, zh: impl Into<String>, en: impl Into<String>) -> Result<Reply, AdminError> {
    Ok(Reply { data: data.into(), zh: zh.into(), en: en.into() })
}

/// Does what was asked.
///
/// # Errors
/// See [`AdminError`]; every text says what to do.
pub async fn execute(context: &Context, request: Request) -> Result<Reply, AdminError> {
    let now_ms = context.clock.now_ms();
    match request {
        Request::FirstCode => match context.accounts.first_code(now_ms).await? {
            Some(code) => {
                reply(code, "首次启动码，24 小时内有效，仅可使用一次", "first-run code: works once, within 24 hours")
            }
            None => Err(invalid(
                "已有用户，首次启动码不再适用；请用 admin user add 添加用户",
                "there is a user already, so there is no first-run code; add users with `admin user add`",
            )),
        },
        Request::UserAdd { .. }
        | Request::UserGrant { .. }
        | Request::UserEnd { .. }
        | Request::UserDisable { .. }
        | Request::UserForget { .. }
        | Request::UserList
        | Request::Token { .. }
        | Request::TokenRevoke { .. } => people::execute(context, request, now_ms).await,
        Request::SiteAdd { site, name_zh, name_en, city, district, sub_sector, zone, simulated } => {
            let row = SiteRow {
                id: site.to_string(),
                name_en: name_en.unwrap_or_else(|| name_zh.clone()),
                name_zh,
                city,
                district,
                sub_sector,
                time_zone: zone,
                simulated,
                created_ms: now_ms,
            };
            add_site(context, &site, &row, now_ms).await?;
            let mark = if simulated { ("（模拟数据）", " (SIMULATED)") } else { ("", "") };
            reply(site.to_string(), format!("已创建站点 {site}{}", mark.0), format!("site {site} created{}", mark.1))
        }
        Request::GatewayCode { site, gateway } => {
            known_site(context, &site).await?;
            gateways::code(context, &site, &gateway, now_ms).await
        }
        Request::GatewayRevoke { site, gateway, reason } => {
            let leaf = gateways::revoke(context, &site, &gateway, &reason, now_ms).await?;
            reply(leaf.to_string(), format!("已吊销 {site}/{gateway}"), format!("{site}/{gateway} revoked"))
        }
        Request::GatewayReplace { site, gateway, reason } => {
            let leaf = gateways::revoke(context, &site, &gateway, &reason, now_ms).await?;
            let code = gateways::code(context, &site, &gateway, now_ms).await?;
            reply(
                code.data,
                format!(
                    "{site}/{gateway} 的旧网关已停用（站点日志第 {leaf} 条）。{}；设备与点位的填报不必更改",
                    code.zh
                ),
                format!(
                    "the old box of {site}/{gateway} is revoked (leaf {leaf}). {}. Statements about machines and tags stay as they are",
                    code.en
                ),
            )
        }
        Request::Declare { site, text } => {
            known_site(context, &site).await?;
            declare(context, &site, &text, now_ms).await
        }
        Request::Import { site, wanted } => {
            known_site(context, &site).await?;
            table::execute(context, &site, wanted, now_ms).await
        }
        Request::Carried { file } => carry::execute(context, &file, now_ms).await,
        Request::Trust { site } => {
            reply(trust(context, site.as_ref()).await?, "验证信任文件", "trust file for gongzheng-verify")
        }
        Request::Report { site, wanted } => {
            known_site(context, &site).await?;
            let issuer = Issuer { author: OPERATOR.to_owned(), role: "administrator".to_owned() };
            let issued = reporting::issue(&context.logs, &context.data_dir, &site, &wanted, &issuer, now_ms).await?;
            let path = reporting::folder(&context.data_dir, site.as_str()).join(&issued.bundle);
            let mark = if issued.simulated { ("模拟数据。", "SIMULATED. ") } else { ("", "") };
            reply(
                path.display().to_string(),
                format!("{}报告已出具：站点日志 {} 条，report.json 摘要 {}", mark.0, issued.size, issued.digest),
                format!("{}report issued over {} leaves, digest of report.json {}", mark.1, issued.size, issued.digest),
            )
        }
        Request::Proof { site, wanted } => proof::execute(context, &site, &wanted).await,
        Request::Status => reply(status::report(context).await?.to_string(), "", ""),
    }
}

async fn known_site(context: &Context, site: &SiteId) -> Result<(), AdminError> {
    if context.store.site(site.as_str()).await?.is_some() {
        return Ok(());
    }
    Err(invalid(
        format!("没有站点 {site}，请先用 admin site add 创建"),
        format!("there is no site {site}; create it with `gongzheng-server admin site add`"),
    ))
}

/// Creates a site: row, log, and as its first leaf what it is — simulated or not can never change afterwards.
async fn add_site(context: &Context, site: &SiteId, row: &SiteRow, now_ms: i64) -> Result<(), AdminError> {
    let body = json!({
        "names": {"zh": row.name_zh, "en": row.name_en},
        "zone": row.time_zone,
        "simulated": row.simulated,
        "city": row.city,
        "district": row.district,
        "sub_sector": row.sub_sector,
    });
    metrics::model::parse_body("site", &body).map_err(|error| invalid("站点信息有误", error.to_string()))?;
    context.store.add_site(row).await?;
    context.logs.create_site(site)?;
    state(context, site, "site", now_ms, "site created", body).await?;
    Ok(())
}

/// Appends one statement by the operator.
async fn state(
    context: &Context,
    site: &SiteId,
    kind: &str,
    effective_from: i64,
    reason: &str,
    body: Json,
) -> Result<u64, AdminError> {
    let declaration = Declaration {
        kind: kind.to_owned(),
        effective_from,
        author: OPERATOR.to_owned(),
        role: "administrator".to_owned(),
        reason: reason.to_owned(),
        body,
    };
    Ok(context.logs.append_declaration(site, &declaration).await?)
}

/// A statement as a file gives it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Statement {
    kind: String,
    /// Unix ms, or RFC 3339 text; now by default.
    #[serde(default)]
    effective_from: Option<Json>,
    #[serde(default)]
    author: Option<String>,
    #[serde(default)]
    role: Option<String>,
    #[serde(default)]
    reason: Option<String>,
    body: Json,
}

async fn declare(context: &Context, site: &SiteId, text: &str, now_ms: i64) -> Result<Reply, AdminError> {
    let mut declarations = parse_statements(text, now_ms)?;
    let checked = planning::check(&context.logs, site, "UTC", &mut declarations, now_ms).await?;
    let leaves = context.logs.append_declarations(site, &declarations).await?;
    let leaves: Vec<String> = leaves.iter().map(u64::to_string).collect();
    planning::publish(&context.logs, site, checked).await?;
    let count = leaves.len();
    reply(leaves.join("\n"), format!("已填报 {count} 项"), format!("{count} statements logged"))
}

/// Reads and checks all statements before any is logged: a file goes in whole or not at all.
fn parse_statements(text: &str, now_ms: i64) -> Result<Vec<Declaration>, AdminError> {
    let shape = |error: serde_json::Error| {
        invalid(format!("填报文件格式有误：{error}"), format!("the file is not a list of statements: {error}"))
    };
    let json: Json = serde_json::from_str(text).map_err(shape)?;
    let list = match json {
        Json::Array(list) => list,
        one => vec![one],
    };
    let mut declarations = Vec::with_capacity(list.len());
    for (place, item) in list.into_iter().enumerate() {
        let at =
            |text: String| invalid(format!("第 {} 项：{text}", place + 1), format!("statement {}: {text}", place + 1));
        let statement: Statement = serde_json::from_value(item).map_err(|error| at(error.to_string()))?;
        let effective_from = match &statement.effective_from {
            None => now_ms,
            Some(Json::Number(number)) => {
                number.as_i64().ok_or_else(|| at("effective_from is not an integer".to_owned()))?
            }
            Some(Json::String(text)) => text
                .parse::<jiff::Timestamp>()
                .map_err(|_| {
                    at(format!(
                        "effective_from `{text}` is neither Unix milliseconds nor like 2026-03-14T08:00:00+08:00"
                    ))
                })?
                .as_millisecond(),
            Some(_) => return Err(at("effective_from must be Unix milliseconds or a time with offset".to_owned())),
        };
        check_statement(&statement.kind, &statement.body).map_err(at)?;
        declarations.push(Declaration {
            kind: statement.kind,
            effective_from,
            author: statement.author.unwrap_or_else(|| OPERATOR.to_owned()),
            role: statement.role.unwrap_or_else(|| "administrator".to_owned()),
            reason: statement.reason.unwrap_or_default(),
            body: statement.body,
        });
    }
    Ok(declarations)
}

/// Whether people may state this, and whether it makes sense. Enrolments, revocations, issued reports and what the factory was
/// shown are the server's own statements; whether a site is simulated is said once, at its creation.
pub fn check_statement(kind: &str, body: &Json) -> Result<(), String> {
    let is_ours = |kind: &str| {
        let computed = [planning::deviation::NOTICE, planning::deviation::REMEASURED];
        ["site", crate::query::FINDING_SHOWN].contains(&kind) || computed.contains(&kind)
    };
    if !metrics::model::KINDS.contains(&kind) || is_ours(kind) {
        let kinds: Vec<&str> = metrics::model::KINDS.into_iter().filter(|kind| !is_ours(kind)).collect();
        return Err(format!("`{kind}` cannot be stated; known: {}", kinds.join(", ")));
    }
    metrics::model::parse_body(kind, body).map(drop).map_err(|error| error.to_string())
}

/// The trust file: this server's log key and the keys of its gateways.
async fn trust(context: &Context, site: Option<&SiteId>) -> Result<String, AdminError> {
    let gateways = gateways::trusted(context, site).await?;
    let witnesses = context.logs.witnesses();
    let known: Vec<verify::TrustedWitness> = witnesses
        .iter()
        .flat_map(|witnesses| witnesses.configured())
        .map(|w| verify::TrustedWitness { key: w.key.clone(), operator: w.operator.clone() })
        .collect();
    let note = (!known.is_empty()).then(|| TRUST_NOTE.to_owned());
    let trust = verify::Trust {
        log_keys: vec![context.logs.key().verifier()],
        gateways,
        operator: witnesses.and_then(|witnesses| witnesses.own().cloned()),
        witnesses: known,
        witnesses_required: witnesses.map_or(0, crate::witness::Witnesses::required),
        note,
    };
    Ok(trust.to_json())
}

/// Where the socket is, below the data directory.
pub(crate) fn socket_path(data_dir: &Path) -> PathBuf {
    data_dir.join("admin").join("socket")
}

/// A reader who takes the witnesses' keys from the server has only the server's word for them.
const TRUST_NOTE: &str = "见证方密钥由服务器运营单位提供：使用前请直接向各见证方核对其密钥与单位名称 / the witnesses' keys \
                          come from the server's operator: confirm each key and name with the witness itself before use";
/// Author of what the operator states on the command line.
const OPERATOR: &str = "operator";

#[cfg(test)]
mod tests;
