//! The gateway's certificate renews itself.
//!
//! Constraints:
//! 1. Renewal is asked for when the clock is synchronised and the certificate ends within [`RENEW_BEFORE_MS`], or when the server
//!    said that it has expired (our clock may be the one that is wrong).
//! 2. It changes nothing but the certificate: site, name, log key and pinned server stay those of the enrolment. A server that answers
//!    otherwise is not believed.
//! 3. It never gets in the way: a failure is told and tried again later; records stay in the buffer.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use protocol::SecretKey;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use crate::clock::{ClockReading, SharedClock, is_synchronised};
use crate::enrol;
use crate::identity::Enrolment;
use crate::locale::{Words, words};
use crate::status::Status;
use crate::uplink::tls;

/// A certificate is renewed when it ends within this time.
pub const RENEW_BEFORE_MS: i64 = 30 * 24 * 3_600 * 1_000;

/// Time between two looks at the calendar.
const LOOK_EVERY: Duration = Duration::from_secs(6 * 3_600);

/// Shortest time between two attempts.
const RETRY_AFTER: Duration = Duration::from_secs(60);

/// What renewal needs.
pub struct Renewal {
    /// Where the enrolment is kept.
    pub state_dir: PathBuf,
    /// The gateway's key.
    pub key: SecretKey,
    /// Time.
    pub clock: SharedClock,
    /// For people.
    pub status: Status,
    /// Set off when the server said that the certificate has expired.
    pub expired: Arc<Notify>,
    /// The enrolment in force; the uplink follows it.
    pub enrolment: watch::Sender<Enrolment>,
}

/// Runs until `shutdown`.
pub async fn run(renewal: Renewal, shutdown: CancellationToken) {
    loop {
        let due = due(&renewal.enrolment.borrow().client_certificate_pem, renewal.clock.read());
        let wait = if due { renewal.renew().await } else { LOOK_EVERY };
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = tokio::time::sleep(wait) => {}
            () = renewal.expired.notified() => {
                renewal.renew().await;
                tokio::select! {
                    () = shutdown.cancelled() => return,
                    () = tokio::time::sleep(RETRY_AFTER) => {}
                }
            }
        }
    }
}

/// Whether the certificate ends so soon, by a clock that may be believed, that it should be renewed. Pure.
#[must_use]
pub fn due(certificate_pem: &str, now: ClockReading) -> bool {
    let Some((_, not_after_ms)) = tls::validity(certificate_pem) else { return false };
    is_synchronised(now.sync) && now.wall_ms > not_after_ms.saturating_sub(RENEW_BEFORE_MS)
}

impl Renewal {
    async fn renew(&self) -> Duration {
        let old = self.enrolment.borrow().clone();
        let boot_ms = self.clock.boot_ms();
        match enrol::renew(&old, &self.key, self.clock.clone()).await {
            Ok(new) => match accept(&old, new) {
                Ok(new) => {
                    if let Err(error) = new.save(&self.state_dir) {
                        tracing::warn!(%error, "The renewed certificate is used, but could not be kept.");
                    }
                    self.enrolment.send_replace(new);
                    self.status.notice(boot_ms, words!("证书已更新", "the certificate was renewed"));
                    LOOK_EVERY
                }
                Err(words) => {
                    self.status.notice(boot_ms, words);
                    LOOK_EVERY
                }
            },
            Err(error) => {
                let Words { zh, en } = error.0;
                self.status.notice(
                    boot_ms,
                    words!(
                        "证书更新失败：{zh}。数据继续缓存；稍后再试",
                        "the certificate could not be renewed: {en}. Records stay in the buffer; it is tried again"
                    ),
                );
                RETRY_AFTER
            }
        }
    }
}

/// Takes the new certificate and where to send, and nothing else.
fn accept(old: &Enrolment, new: Enrolment) -> Result<Enrolment, Words> {
    if new.site != old.site || new.gateway != old.gateway || new.log_key != old.log_key {
        return Err(words!(
            "更新证书时服务器给出了不同的站点、网关或站点日志公钥，未采用；请联系平台管理员",
            "at renewal the server named another site, gateway or log key; nothing was changed. Ask the server's administrator"
        ));
    }
    Ok(Enrolment {
        client_certificate_pem: new.client_certificate_pem,
        mqtt_host_port: new.mqtt_host_port,
        ..old.clone()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SyncState;

    fn enrolment() -> Enrolment {
        Enrolment {
            site: "site-1".parse().expect("a name"),
            gateway: "gw-1".parse().expect("a name"),
            client_certificate_pem: "old".to_owned(),
            ca_certificate_pem: "ca".to_owned(),
            log_key: "log".to_owned(),
            mqtt_host_port: "a:1".to_owned(),
            simulated: false,
            server_spki_sha256: "00".to_owned(),
            enrol_url: "a:2".to_owned(),
        }
    }

    #[test]
    fn renewal_changes_the_certificate_and_nothing_of_the_identity() {
        let new = Enrolment {
            client_certificate_pem: "new".to_owned(),
            ca_certificate_pem: "other".to_owned(),
            simulated: true,
            ..enrolment()
        };
        let accepted = accept(&enrolment(), new).expect("the same gateway");
        assert_eq!(accepted, Enrolment { client_certificate_pem: "new".to_owned(), ..enrolment() });
        let other = Enrolment { log_key: "other".to_owned(), ..enrolment() };
        let words = accept(&enrolment(), other).expect_err("another log");
        assert!(words.en.contains("named another site, gateway or log key; nothing was changed"));
    }

    #[test]
    fn certificate_is_not_renewed_by_a_clock_nobody_vouches_for() {
        // Not after 2036-01-01.
        let mut body = vec![0x02, 0x01, 0x01, 0x30, 0x00, 0x30, 0x00, 0x30, 0x1e];
        body.extend_from_slice(b"\x17\x0d260101000000Z\x17\x0d360101000000Z");
        body.extend_from_slice(&[0x30, 0x00, 0x30, 0x03, 0x02, 0x01, 0x07]);
        let mut der = vec![0x30, body.len() as u8 + 2, 0x30, body.len() as u8];
        der.extend_from_slice(&body);
        let base64 = data_encoding::BASE64.encode(&der);
        let pem = format!("-----BEGIN CERTIFICATE-----\n{base64}\n-----END CERTIFICATE-----\n");
        let end_ms = 2_082_758_400_000;
        let at = |wall_ms, sync| ClockReading { boot_id: [0; 16], boot_ms: 0, wall_ms, sync };
        let synced = SyncState::Synchronised { error_ms: 1 };
        assert!(!due(&pem, at(end_ms - RENEW_BEFORE_MS - 1, synced)));
        assert!(due(&pem, at(end_ms - RENEW_BEFORE_MS + 1, synced)));
        assert!(due(&pem, at(end_ms + 1, synced)), "expired: may only renew");
        assert!(!due(&pem, at(end_ms + 1, SyncState::Unsynchronised)));
        assert!(!due("not a certificate", at(end_ms, synced)));
    }
}
