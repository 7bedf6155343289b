//! The OPC UA part of `doctor`: what a server offers, whether its certificate is trusted and what is strange about it, whether the
//! login works, how its clock stands, whether every node can be read.
//!
//! Constraints: trust is by fingerprint alone, so a wrong host name or date is a remark and not an obstacle; the first contact ends
//! with the line to paste.

use std::time::Duration;

use opcua_types::{NodeId, VariableId, Variant};

use super::{Finding, REACH_LIMIT, Verdict};
use crate::config::Config;
use crate::config::device::{Device, OpcUaLink, Place, Policy, User};
use crate::locale::{Words, words};
use crate::page::view::utc;
use crate::source::opcua::client::no_such_node;
use crate::source::opcua::endpoint::{Offer, hex, host};
use crate::source::opcua::node::Node;
use crate::source::opcua::session::{Live, offers};
use crate::source::opcua::subscription::{Judged, judge};

/// A device's clock may differ by this much before anybody is told, milliseconds.
const CLOCK_MS_MAX: i64 = 60_000;

pub(super) async fn findings(config: &Config, device: &Device, link: &OpcUaLink) -> Vec<Finding> {
    let pki = config.gateway.state_dir.join("pki").join(&device.name);
    let limit = Duration::from_millis(device.timeout_ms).max(REACH_LIMIT);
    let (name, url) = (&device.name, &link.endpoint);
    let tried = words!(
        "设备 `{name}`（{url}）：查询服务器提供的端点",
        "device `{name}` ({url}): asking what endpoints it offers"
    );
    let offered = match offers(link, &pki, limit).await {
        Ok(offered) => offered,
        Err(trouble) => return vec![Finding::new(Verdict::Bad, tried, trouble.words)],
    };
    let mut findings = vec![Finding::new(Verdict::Good, tried, endpoints(&offered))];
    findings.extend(judged(name, link, &offered, crate::clock::wall_ms()));
    let tried = words!("设备 `{name}`：登录", "device `{name}`: logging in");
    let live = match Live::open(link, &pki, limit).await {
        Ok(live) => live,
        Err(trouble) => {
            findings.push(Finding::new(Verdict::Bad, tried, trouble.words));
            return findings;
        }
    };
    let policy = Policy::NAMES.iter().find(|(_, policy)| *policy == link.policy).map_or("none", |(name, _)| name);
    findings.push(Finding::new(
        Verdict::Good,
        tried,
        words!("会话已建立，安全策略 {policy}", "a session was opened with the security policy {policy}"),
    ));
    findings.extend(clock(name, &live).await);
    findings.extend(nodes(device, &live).await);
    live.close().await;
    findings
}

fn endpoints(offered: &[Offer]) -> Words {
    let lines: Vec<String> =
        offered.iter().map(|o| format!("{}  {}  [{}]", o.security(), o.url, o.logins.join(", "))).collect();
    let lines = lines.join("\n    ");
    Words::new(lines.clone(), lines)
}

/// What the offers mean for this configuration. Pure.
fn judged(name: &str, link: &OpcUaLink, offered: &[Offer], now_ms: i64) -> Vec<Finding> {
    let mut findings = Vec::new();
    if link.policy == Policy::None {
        let tried = words!("设备 `{name}`：传输安全", "device `{name}`: transport security");
        if matches!(link.user, User::Password { .. }) {
            findings.push(Finding::new(
                Verdict::Warning,
                tried,
                words!(
                    "密码经未加密的连接送出，同一网络里的人可能读到。改用加密的 `security_policy`",
                    "the password goes over a connection that is not encrypted and may be read on the network. Use a `security_policy` that encrypts"
                ),
            ));
        } else if offered.iter().any(|o| o.policy != "None") {
            findings.push(Finding::new(
                Verdict::Warning,
                tried,
                words!(
                    "服务器支持加密，配置里没有用。建议写 `security_policy` 和 `server_certificate_sha256`",
                    "the server offers encryption and it is not used. Consider `security_policy` and `server_certificate_sha256`"
                ),
            ));
        }
    }
    let Some(shown) = offered.iter().find(|o| !o.fingerprint.is_empty()) else { return findings };
    let print = &shown.fingerprint;
    let tried = words!("设备 `{name}`：服务器证书", "device `{name}`: the server's certificate");
    let (mut facts, mut remarks) = (words!("SHA-256 {print}", "SHA-256 {print}"), Vec::new());
    if let Some(certificate) = &shown.certificate {
        let (subject, until) = (&certificate.subject, utc(certificate.until_ms));
        facts = words!(
            "{subject}，有效至 {until} UTC，SHA-256 {print}",
            "{subject}, valid until {until} UTC, SHA-256 {print}"
        );
        if now_ms < certificate.from_ms || certificate.until_ms < now_ms {
            remarks.push(words!("日期已失效或尚未生效", "its dates are over or have not begun"));
        }
        if let Some(host) = host(&link.endpoint).filter(|host| !certificate.names_host(host)) {
            remarks.push(words!("里面没有主机名 {host}", "it does not name the host {host}"));
        }
    }
    let (zh, en) = (&facts.zh, &facts.en);
    let finding = match link.pin {
        Some(pin) if hex(&pin) != *print => Finding::new(
            Verdict::Bad,
            tried,
            words!(
                "{zh}。与固定的不符：若设备换过证书，与设备上显示的核对后更新 `server_certificate_sha256`；否则可能有人冒充",
                "{en}. It is not the pinned one: if the device got a new certificate, compare with the one shown on the device and update `server_certificate_sha256`; otherwise someone may be posing as it"
            ),
        ),
        None if link.policy != Policy::None => Finding::new(
            Verdict::Bad,
            tried,
            words!(
                "{zh}。尚未信任：与设备上显示的指纹核对，一致后在设备下面写上\n    server_certificate_sha256 = \"{print}\"",
                "{en}. Not trusted yet: compare with the fingerprint shown on the device, and when it is the same write below the device\n    server_certificate_sha256 = \"{print}\""
            ),
        ),
        _ if remarks.is_empty() => Finding::new(Verdict::Good, tried, facts),
        _ => {
            let told = |pick: fn(&Words) -> &str, and: &str| remarks.iter().map(pick).collect::<Vec<_>>().join(and);
            let (zh_told, en_told) = (told(|w| &w.zh, "，"), told(|w| &w.en, " and "));
            Finding::new(
                Verdict::Warning,
                tried,
                words!(
                    "{zh}。{zh_told}。本程序按指纹信任，不受影响；别的客户端可能拒绝，可请设备厂家换证书",
                    "{en}. But {en_told}. This gateway trusts the fingerprint and does not mind; other clients may refuse: ask the maker for a new certificate"
                ),
            )
        }
    };
    findings.push(finding);
    findings
}

/// The server's clock beside ours: its timestamps are kept with the readings.
async fn clock(name: &str, live: &Live) -> Option<Finding> {
    let answers = live.read(&[NodeId::from(VariableId::Server_ServerStatus_CurrentTime)]).await.ok()?;
    let Some(Variant::DateTime(theirs)) = &answers.first()?.value else { return None };
    let (theirs_ms, ours_ms) = (theirs.as_chrono().timestamp_millis(), crate::clock::wall_ms());
    let tried = words!("设备 `{name}`：设备时钟", "device `{name}`: the device's clock");
    let (seconds, shown) = ((theirs_ms - ours_ms) / 1_000, utc(theirs_ms));
    Some(if (theirs_ms - ours_ms).abs() <= CLOCK_MS_MAX {
        Finding::new(Verdict::Good, tried, words!("{shown} UTC，与本机相符", "{shown} UTC, the same as here"))
    } else {
        Finding::new(
            Verdict::Warning,
            tried,
            words!(
                "{shown} UTC，与本机相差 {seconds} 秒。读数用本机时间，不受影响；设备时间会一并保存，请在设备上校准",
                "{shown} UTC, {seconds} s from the time here. Readings carry the gateway's time; the device's is kept beside it and should be set on the device"
            ),
        )
    })
}

async fn nodes(device: &Device, live: &Live) -> Vec<Finding> {
    let name = &device.name;
    let tried = words!("设备 `{name}`：读取全部节点", "device `{name}`: reading every node");
    let mut findings = Vec::new();
    let (mut read, mut total) = (0, 0);
    for tag in &device.tags {
        let Place::OpcUa { node, kind, .. } = &tag.place else { continue };
        let Some(parsed) = Node::parse(node) else { continue };
        total += 1;
        let id = &tag.id;
        let judged = match live.resolve(&parsed) {
            None => Judged::Unread {
                cause: protocol::GapCause::DeviceRefused,
                detail: "BadNodeIdUnknown".to_owned(),
                misconfigured: true,
            },
            Some(resolved) => match live.read(&[resolved]).await {
                Ok(answers) => match answers.first() {
                    Some(answer) => judge(answer, *kind),
                    None => continue,
                },
                Err(status) => {
                    let meaning = words!("`{id}`：{status}", "`{id}`: {status}");
                    findings.push(Finding::new(Verdict::Bad, tried.clone(), meaning));
                    continue;
                }
            },
        };
        match judged {
            Judged::Reading { .. } => read += 1,
            Judged::Unread { detail, misconfigured: true, .. } => {
                findings.push(Finding::new(Verdict::Bad, tried.clone(), no_such_node(id, &parsed, &detail)));
            }
            Judged::Unread { detail, .. } => findings.push(Finding::new(
                Verdict::Bad,
                tried.clone(),
                words!(
                    "`{id}`：{detail}。检查 `type` 和设备状态",
                    "`{id}`: {detail}. Check `type` and the state of the device"
                ),
            )),
        }
    }
    let verdict = if read == total { Verdict::Good } else { Verdict::Warning };
    let meaning = words!("{total} 个节点读到 {read} 个", "{read} of {total} nodes read");
    findings.push(Finding::new(verdict, tried, meaning));
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::device::Mode;

    fn link(policy: Policy, pin: Option<[u8; 32]>, user: User) -> OpcUaLink {
        OpcUaLink {
            endpoint: "opc.tcp://192.168.1.20:4840".into(),
            policy,
            mode: Mode::SignAndEncrypt,
            user,
            pin,
            publishing_ms: 1_000,
        }
    }

    fn offer(policy: &str) -> Offer {
        Offer {
            url: "opc.tcp://plc:4840".into(),
            policy: policy.into(),
            mode: "SignAndEncrypt".into(),
            logins: vec!["anonymous"],
            fingerprint: "ab".repeat(32),
            certificate: None,
        }
    }

    fn told(link: &OpcUaLink, offered: &[Offer]) -> Vec<(Verdict, String)> {
        judged("plc", link, offered, 0).into_iter().map(|f| (f.verdict, f.meaning.en)).collect()
    }

    #[test]
    fn the_first_contact_ends_with_the_line_to_paste() {
        let found = told(&link(Policy::Basic256Sha256, None, User::Anonymous), &[offer("Basic256Sha256")]);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].0, Verdict::Bad);
        let line = format!("server_certificate_sha256 = \"{}\"", "ab".repeat(32));
        assert!(found[0].1.contains(&line), "{found:?}");
    }

    #[test]
    fn a_pinned_certificate_is_good_and_another_is_not() {
        let offered = [offer("Basic256Sha256")];
        let good = told(&link(Policy::Basic256Sha256, Some([0xAB; 32]), User::Anonymous), &offered);
        assert_eq!(good[0].0, Verdict::Good);
        let bad = told(&link(Policy::Basic256Sha256, Some([1; 32]), User::Anonymous), &offered);
        assert!(bad[0].0 == Verdict::Bad && bad[0].1.contains("not the pinned one"), "{bad:?}");
    }

    #[test]
    fn a_password_in_the_open_and_unused_encryption_are_warned_of() {
        let user = User::Password { name: "monitor".into(), file: "x".into() };
        let found = told(&link(Policy::None, None, user), &[offer("Basic256Sha256")]);
        assert!(found[0].0 == Verdict::Warning && found[0].1.contains("the password"), "{found:?}");
        let found = told(&link(Policy::None, None, User::Anonymous), &[offer("Basic256Sha256")]);
        assert!(found[0].0 == Verdict::Warning && found[0].1.contains("encryption"), "{found:?}");
        assert_eq!(told(&link(Policy::None, None, User::Anonymous), &[]), []);
    }
}
