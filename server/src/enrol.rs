//! Enrolment: a one-time code binds a gateway's key to a site and yields its client certificate.
//!
//! Constraints:
//!
//! 1. A code works once, within 24 hours: it is given back when the binding could not be declared, and the box that got the
//!    binding but not the answer may ask again with the same code and key. It carries the fingerprint of *this* server's TLS key, so that the gateway
//!    refuses any other server before it sends anything.
//! 2. Whoever presents a code must prove that it holds the key it asks a certificate for.
//! 3. The binding is a declaration in the site's log (`gateway_enrolled`): the rules of acceptance read it there.
//! 4. Guessing is hopeless (60 random bits) and slowed down all the same: a few attempts per address and minute.
//! 5. An expired certificate may only renew: `POST /renew`, signed with the gateway's key. It yields a certificate for
//!    the same gateway and the same key, nothing else; so a replayed request is worth nothing.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::connect_info::ConnectInfo;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Extension, Json, Router};
use data_encoding::{BASE32_NOPAD, HEXLOWER};
use protocol::{Declaration, GatewayId, PublicKey, Signature, SiteId, sha256};
use serde::{Deserialize, Serialize};

use crate::ingest::{Ingest, accept};
use crate::keys::{KeyError, Keys};
use crate::sitelog::SiteLogs;
use crate::state::Clock;
use crate::store::{CodeState, GatewayRow, Store};

/// What enrolment needs.
#[derive(Clone)]
pub struct Enrolment {
    /// Codes and the list of gateways.
    pub store: Store,
    /// Where the binding is declared.
    pub logs: SiteLogs,
    /// Which keys are in force.
    pub ingest: Ingest,
    /// What issues certificates.
    pub keys: Arc<Keys>,
    /// Time.
    pub clock: Clock,
    /// `host:port` under which gateways reach the MQTT endpoint or the broker.
    pub mqtt_host_port: String,
}

/// A new code as it is printed, and the hash under which it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewCode {
    /// `GZ-<12 characters>-<26 characters>`: shown once, never stored.
    pub code: String,
    /// SHA-256 of the secret part, hexadecimal.
    pub hash: String,
}

/// Makes a code: 60 random bits, and the fingerprint of the server's TLS key.
///
/// # Errors
/// When the system gives no random bytes.
pub fn new_code(keys: &Keys) -> Result<NewCode, KeyError> {
    let random = crate::keys::random::<8>()?;
    let secret = &BASE32_NOPAD.encode(&random)[..SECRET_CHARS];
    Ok(NewCode { code: format!("GZ-{secret}-{}", keys.tls_pin_text()), hash: code_hash(secret) })
}

/// How long a code is good, ms.
pub const CODE_LIFE_MS: i64 = 24 * 3_600 * 1_000;
/// The domain of enrolment signatures: over secret part of the code ‖ key.
pub const ENROL_DOMAIN: &str = "gongzheng/v1/enrol\0";
/// The domain of renewal signatures: over `<site>/<gateway>` ‖ key.
pub const RENEW_DOMAIN: &str = "gongzheng/v1/renew\0";

/// The enrolment listener's routes.
pub fn router(enrolment: Enrolment) -> Router {
    let state = Arc::new(Shared { enrolment, attempts: Mutex::default() });
    Router::new()
        .route("/enrol", post(enrol))
        .route("/renew", post(renew))
        .layer(DefaultBodyLimit::max(REQUEST_BYTES_MAX))
        .with_state(state)
}

struct Shared {
    enrolment: Enrolment,
    attempts: Mutex<BTreeMap<IpAddr, (i64, u32)>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EnrolRequest {
    code: String,
    gateway_key: String,
    signature: String,
    agent_version: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RenewRequest {
    site: SiteId,
    gateway: GatewayId,
    gateway_key: String,
    signature: String,
}

/// What a gateway needs to know; kept by it in `enrolment.json`.
#[derive(Debug, Serialize)]
struct Enrolled {
    site: SiteId,
    gateway: GatewayId,
    client_certificate_pem: String,
    ca_certificate_pem: String,
    log_key: String,
    mqtt_host_port: String,
    simulated: bool,
}

/// Why a request was refused: HTTP status, fixed word, and a sentence in both languages.
struct Refused(StatusCode, &'static str, String, String);

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let Self(status, code, zh, en) = self;
        (status, Json(serde_json::json!({ "error": { "code": code, "zh": zh, "en": en } }))).into_response()
    }
}

async fn enrol(
    State(shared): State<Arc<Shared>>,
    Extension(ConnectInfo(address)): Extension<ConnectInfo<SocketAddr>>,
    Json(request): Json<EnrolRequest>,
) -> Result<Json<Enrolled>, Refused> {
    let now_ms = shared.enrolment.clock.now_ms();
    shared.limit(address.ip(), now_ms)?;
    let secret = secret_part(&request.code).ok_or_else(|| {
        refused(
            StatusCode::BAD_REQUEST,
            "bad_code",
            "入网码格式不正确：应为 GZ-12 位-26 位",
            "the enrolment code is not GZ-<12>-<26> characters; copy the whole line",
        )
    })?;
    let key = read_key(&request.gateway_key)?;
    let mut message = secret.as_bytes().to_vec();
    message.extend_from_slice(&key.to_bytes());
    prove(&key, ENROL_DOMAIN, &message, &request.signature)?;
    let it = &shared.enrolment;
    let hash = code_hash(secret);
    if let Some((site, gateway)) = it.ingest.key_holder(&key.hex()) {
        let named = it.store.enrolment_code(&hash).await.map_err(unavailable)?;
        if named.is_none_or(|named| named != (site.to_string(), gateway.to_string())) {
            return Err(Refused(
                StatusCode::CONFLICT,
                "key_in_use",
                format!("该密钥已用于 {site}/{gateway}：请为新网关生成新密钥（删除状态目录后重试）"),
                format!(
                    "this key already belongs to {site}/{gateway}: let the new gateway make its own (start with an empty state directory)"
                ),
            ));
        }
        // Bound already, by this code or an earlier one: the answer got lost, or the box is enrolled once more as what it is.
        it.store.take_enrolment_code(&hash, now_ms).await.map_err(unavailable)?;
        it.store.put_gateway(&row(&site, &gateway, &key, &request.agent_version, now_ms)).await.map_err(unavailable)?;
        return shared.answer(site, gateway, &key, now_ms).map(Json);
    }
    let (site, gateway) = match it.store.take_enrolment_code(&hash, now_ms).await.map_err(unavailable)? {
        CodeState::Taken { site, gateway } => (site, gateway),
        other => return Err(not_taken(&other, address)),
    };
    let (site, gateway): (SiteId, GatewayId) = match (site.parse(), gateway.parse()) {
        (Ok(site), Ok(gateway)) => (site, gateway),
        (Err(error), _) | (_, Err(error)) => return Err(unavailable(error)),
    };
    let declaration = Declaration {
        kind: accept::ENROLLED.into(),
        effective_from: now_ms,
        author: "server".into(),
        role: "enrolment".into(),
        reason: "one-time code".into(),
        body: serde_json::json!({ "gateway": gateway, "key": key.hex() }),
    };
    if let Err(error) = it.logs.append_declaration(&site, &declaration).await {
        it.store.give_back_enrolment_code(&hash).await.map_err(unavailable)?;
        return Err(unavailable(error));
    }
    it.store.put_gateway(&row(&site, &gateway, &key, &request.agent_version, now_ms)).await.map_err(unavailable)?;
    tracing::info!(%site, %gateway, fingerprint = %key.fingerprint(), "Gateway enrolled.");
    shared.answer(site, gateway, &key, now_ms).map(Json)
}

fn row(site: &SiteId, gateway: &GatewayId, key: &PublicKey, agent_version: &str, now_ms: i64) -> GatewayRow {
    GatewayRow {
        site: site.to_string(),
        id: gateway.to_string(),
        key_hex: key.hex(),
        agent_version: agent_version.chars().take(32).collect(),
        enrolled_ms: now_ms,
        revoked_ms: None,
    }
}

/// What is wrong with a code that nobody may use now.
fn not_taken(state: &CodeState, address: SocketAddr) -> Refused {
    let (code, zh, en) = match state {
        CodeState::Used => (
            "used_code",
            "入网码已被使用：每个入网码只能用一次，请重新生成",
            "the enrolment code was used before: a code works once; have a new one made",
        ),
        CodeState::Expired => (
            "expired_code",
            "入网码已过期（24 小时有效），请重新生成",
            "the enrolment code is older than 24 hours; have a new one made",
        ),
        CodeState::Unknown | CodeState::Taken { .. } => {
            tracing::warn!(%address, "Unknown enrolment code.");
            (
                "unknown_code",
                "入网码不存在：请核对或让管理员重新生成",
                "the enrolment code is not known here: check it, or have a new one made with `gongzheng-server admin gateway code`",
            )
        }
    };
    refused(StatusCode::FORBIDDEN, code, zh, en)
}

async fn renew(
    State(shared): State<Arc<Shared>>,
    Extension(ConnectInfo(address)): Extension<ConnectInfo<SocketAddr>>,
    Json(request): Json<RenewRequest>,
) -> Result<Json<Enrolled>, Refused> {
    let now_ms = shared.enrolment.clock.now_ms();
    shared.limit(address.ip(), now_ms)?;
    let key = read_key(&request.gateway_key)?;
    let mut message = format!("{}/{}", request.site, request.gateway).into_bytes();
    message.extend_from_slice(&key.to_bytes());
    prove(&key, RENEW_DOMAIN, &message, &request.signature)?;
    match shared.enrolment.ingest.gateway_keys(&request.site, &request.gateway) {
        Some(keys) if keys.revoked => Err(refused(
            StatusCode::FORBIDDEN,
            "revoked",
            "该网关已被吊销：请用新的入网码重新入网",
            "this gateway was revoked; enrol it again with a new code",
        )),
        Some(keys) if keys.key == key.hex() => shared.answer(request.site, request.gateway, &key, now_ms).map(Json),
        _ => Err(refused(
            StatusCode::FORBIDDEN,
            "not_enrolled",
            "该密钥不是此网关的有效密钥：过期证书只能由原密钥续期",
            "this key is not in force for this gateway: an expired certificate may only be renewed by its own key",
        )),
    }
}

impl Shared {
    fn answer(&self, site: SiteId, gateway: GatewayId, key: &PublicKey, now_ms: i64) -> Result<Enrolled, Refused> {
        let it = &self.enrolment;
        let client_certificate_pem = it.keys.gateway_certificate(&site, &gateway, key, now_ms).map_err(unavailable)?;
        let simulated = it.logs.is_simulated(&site).map_err(unavailable)?;
        Ok(Enrolled {
            site,
            gateway,
            client_certificate_pem,
            ca_certificate_pem: it.keys.ca_pem().to_owned(),
            log_key: it.keys.log().verifier().to_string(),
            mqtt_host_port: it.mqtt_host_port.clone(),
            simulated,
        })
    }

    /// Counts an attempt of an address; refuses beyond a few a minute.
    fn limit(&self, address: IpAddr, now_ms: i64) -> Result<(), Refused> {
        let mut attempts = self.attempts.lock().unwrap_or_else(PoisonError::into_inner);
        attempts.retain(|_, (since, _)| now_ms.saturating_sub(*since) < MINUTE_MS);
        let over_all: u32 = attempts.values().map(|(_, count)| *count).sum();
        let (_, count) = attempts.entry(address).or_insert((now_ms, 0));
        *count += 1;
        if *count > ATTEMPTS_PER_MINUTE || over_all >= ATTEMPTS_PER_MINUTE_ALL {
            return Err(refused(
                StatusCode::TOO_MANY_REQUESTS,
                "too_many",
                "尝试过于频繁，请一分钟后再试",
                "too many attempts; try again in a minute",
            ));
        }
        Ok(())
    }
}

/// The secret part of a code as people may type it: whole or alone, in any case.
fn secret_part(code: &str) -> Option<&str> {
    let code = code.trim();
    let secret = match code.strip_prefix("GZ-") {
        Some(rest) => rest.split('-').next()?,
        None => code,
    };
    let valid = secret.len() == SECRET_CHARS && secret.bytes().all(|b| matches!(b, b'A'..=b'Z' | b'2'..=b'7'));
    valid.then_some(secret)
}

fn code_hash(secret: &str) -> String {
    sha256(secret.as_bytes()).hex()
}

fn read_key(text: &str) -> Result<PublicKey, Refused> {
    PublicKey::from_hex(text).map_err(|_| {
        refused(
            StatusCode::BAD_REQUEST,
            "bad_key",
            "网关公钥无效",
            "gateway_key is not an Ed25519 public key in hexadecimal",
        )
    })
}

fn prove(key: &PublicKey, domain: &str, message: &[u8], signature: &str) -> Result<(), Refused> {
    let holds = HEXLOWER
        .decode(signature.as_bytes())
        .ok()
        .and_then(|bytes| Signature::from_slice(&bytes).ok())
        .is_some_and(|signature| key.verify("request", domain, message, &signature).is_ok());
    if holds {
        return Ok(());
    }
    Err(refused(
        StatusCode::FORBIDDEN,
        "bad_signature",
        "签名无效：请求方未证明持有该密钥",
        "the signature does not hold: the sender has not proved that it holds this key",
    ))
}

fn refused(status: StatusCode, code: &'static str, zh: &str, en: &str) -> Refused {
    Refused(status, code, zh.to_owned(), en.to_owned())
}

fn unavailable(error: impl std::fmt::Display) -> Refused {
    tracing::error!(%error, "Enrolment failed.");
    refused(
        StatusCode::SERVICE_UNAVAILABLE,
        "unavailable",
        "服务器暂时无法完成入网：入网码没有用掉，请查看服务器运行日志，排除后用同一入网码重试",
        "the server cannot finish the enrolment now; the code is not used up: see the server's log, then try again with the same code",
    )
}

const SECRET_CHARS: usize = 12;
const REQUEST_BYTES_MAX: usize = 4 * 1024;
const MINUTE_MS: i64 = 60_000;
/// Attempts of one address a minute.
const ATTEMPTS_PER_MINUTE: u32 = 10;
/// Attempts of all addresses a minute: botnets guess no faster. A whole plant's gateways still enrol in minutes.
const ATTEMPTS_PER_MINUTE_ALL: u32 = 120;
