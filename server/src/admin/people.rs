//! Users, their appointments, their API tokens.

use serde_json::{Value as Json, json};

use super::{AdminError, Context, Reply, Request, invalid, reply};
use crate::accounts::{Appointment, random_password};
use crate::roles::Scope;

/// Does what was asked; requests about anything else are a mistake of the caller.
pub(super) async fn execute(context: &Context, request: Request, now_ms: i64) -> Result<Reply, AdminError> {
    let accounts = &context.accounts;
    match request {
        Request::UserAdd { name, password, role, scope, from, until } => {
            let made_up = password.is_none();
            let password = password.unwrap_or_else(random_password);
            let appointment = appointment(role, &scope, from.as_deref(), until.as_deref())?;
            accounts.add_user(&name, &password, &appointment, now_ms).await?;
            let data = if made_up { password } else { String::new() };
            let hint = if made_up {
                ("，初始密码如下，仅显示一次", "; the password is shown once")
            } else {
                ("", "")
            };
            let role = &appointment.role;
            reply(
                data,
                format!("已添加用户 {name}（{role}）{}", hint.0),
                format!("user {name} added as {role}{}", hint.1),
            )
        }
        Request::UserGrant { name, role, scope, from, until } => {
            let appointment = appointment(role, &scope, from.as_deref(), until.as_deref())?;
            let number = accounts.grant(&name, &appointment, now_ms).await?;
            let role = &appointment.role;
            reply(
                number.to_string(),
                format!("已授予 {name} 角色 {role}（{scope}），授权编号如下"),
                format!("{name} is {role} for {scope}; the number of the grant follows"),
            )
        }
        Request::UserEnd { name, grant, on } => {
            let until_ms = on.as_deref().map_or(Ok(now_ms), |date| day_ms(date, true))?;
            accounts.end_grant(&name, grant, until_ms).await?;
            let (zh, en) = on.map_or(("即刻".to_owned(), "now".to_owned()), |date| {
                (format!("{date} 结束时"), format!("at the end of {date}"))
            });
            reply("", format!("{name} 的授权 {grant} 于{zh}终止"), format!("grant {grant} of {name} ends {en}"))
        }
        Request::UserDisable { name, again: false } => {
            accounts.set_disabled(&name, Some(now_ms)).await?;
            reply(
                "",
                format!("已停用用户 {name}，其会话与接口令牌随即失效"),
                format!("user {name} is locked out, sessions and tokens included"),
            )
        }
        Request::UserDisable { name, again: true } => {
            accounts.set_disabled(&name, None).await?;
            reply("", format!("已恢复用户 {name}，须重新登录"), format!("user {name} may sign in again"))
        }
        Request::UserForget { name } => {
            let pseudonym = accounts.forget(&name).await?;
            reply(
                "",
                format!("已删除用户 {name} 的姓名、授权与令牌；日志中仍为化名 {pseudonym}，本服务器不再知道其为何人"),
                format!(
                    "the name, grants and tokens of {name} are deleted; the logs keep {pseudonym}, and this server no longer knows whose it is"
                ),
            )
        }
        Request::UserList => reply(list(context).await?.to_string(), "", ""),
        Request::Token { user, label, days } => {
            let expires_ms = now_ms + i64::from(days.clamp(1, TOKEN_DAYS_MAX)) * DAY_MS;
            let token = accounts.add_token(&user, &label, now_ms, expires_ms).await?;
            reply(token, format!("{user} 的接口令牌，仅显示一次"), format!("API token of {user}, shown once"))
        }
        Request::TokenRevoke { user, token } => {
            accounts.revoke_token(&user, &token, now_ms).await?;
            reply("", format!("已吊销 {user} 的令牌 {token}"), format!("token {token} of {user} revoked"))
        }
        other => Err(invalid("内部错误：请求分派有误", format!("not a request about people: {other:?}"))),
    }
}

async fn list(context: &Context) -> Result<Json, AdminError> {
    let mut users = Vec::new();
    for user in context.store.users().await? {
        let grants: Vec<Json> = context
            .store
            .grants(user.id)
            .await?
            .into_iter()
            .map(|grant| {
                let scope = match grant.scope_value.as_str() {
                    "" => grant.scope_kind,
                    value => format!("{}:{value}", grant.scope_kind),
                };
                json!({"grant": grant.id, "role": grant.role, "scope": scope, "from_ms": grant.from_ms, "until_ms": grant.until_ms})
            })
            .collect();
        let tokens: Vec<Json> = context
            .store
            .api_tokens(user.id)
            .await?
            .into_iter()
            .map(|token| {
                json!({"token": token.id, "label": token.label, "created_ms": token.created_ms, "expires_ms": token.expires_ms, "revoked_ms": token.revoked_ms})
            })
            .collect();
        users.push(json!({"name": user.name, "pseudonym": user.pseudonym, "disabled_ms": user.disabled_ms, "grants": grants, "tokens": tokens}));
    }
    Ok(json!(users))
}

fn appointment(role: String, scope: &str, from: Option<&str>, until: Option<&str>) -> Result<Appointment, AdminError> {
    Ok(Appointment {
        role,
        scope: scope_of(scope)?,
        from_ms: from.map(|date| day_ms(date, false)).transpose()?,
        until_ms: until.map(|date| day_ms(date, true)).transpose()?,
    })
}

/// `everything`, `city:昆明市`, `site:demo` …
fn scope_of(text: &str) -> Result<Scope, AdminError> {
    let (kind, value) = text.split_once(':').unwrap_or((text, ""));
    Scope::from_columns(kind, value).ok_or_else(|| {
        invalid(
            format!("范围 `{text}` 应为 everything、city:…、district:…、sub_sector:… 或 site:…"),
            format!("scope `{text}` must be everything, city:…, district:…, sub_sector:… or site:…"),
        )
    })
}

/// The beginning of a day in China, where periods of appointments are written in dates, or its end.
fn day_ms(date: &str, end: bool) -> Result<i64, AdminError> {
    let bad =
        || invalid(format!("日期 `{date}` 应为 2026-03-14 的形式"), format!("`{date}` is not a date like 2026-03-14"));
    let date: jiff::civil::Date = date.parse().map_err(|_| bad())?;
    let zone = jiff::tz::TimeZone::get("Asia/Shanghai").unwrap_or(jiff::tz::TimeZone::UTC);
    let date = if end { date.tomorrow().map_err(|_| bad())? } else { date };
    Ok(date.to_zoned(zone).map_err(|_| bad())?.timestamp().as_millisecond())
}

const DAY_MS: i64 = 86_400_000;
const TOKEN_DAYS_MAX: u32 = 3660;
