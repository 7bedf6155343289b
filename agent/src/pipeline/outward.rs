//! The side of the pipeline that faces the server: latest values for its pages, and the connection's settings.

use super::*;

/// Latest values for the `state` topic: "live, not yet evidence".
pub(super) struct StateSender {
    configuration: Arc<Configuration>,
    every_ms: i64,
    next_ms: i64,
    /// By tag: the newest value that was not sent yet.
    newest: Vec<Option<Latest>>,
}

impl StateSender {
    pub(super) fn new(configuration: Arc<Configuration>, every_ms: i64) -> Self {
        let newest = vec![None; configuration.tags.len()];
        StateSender { configuration, every_ms, next_ms: i64::MIN, newest }
    }

    /// Keeps what a source said until it is sent; returns how many readings that were.
    pub(super) fn take(&mut self, event: &SourceEvent) -> u64 {
        let SourceEvent::Readings(readings) = event else { return 0 };
        for reading in readings {
            if let Some(slot) = self.newest.get_mut(reading.tag.0 as usize) {
                let (value, quality, boot_ms) = (reading.value.clone(), reading.quality, reading.boot_ms);
                *slot = Some(Latest { value, quality, boot_ms });
            }
        }
        readings.len() as u64
    }

    pub(super) fn send(&mut self, status: &Status, clock: &SharedClock, latest: &watch::Sender<Vec<u8>>) {
        let boot_ms = clock.boot_ms();
        if boot_ms < self.next_ms {
            return;
        }
        let (is_connected, backlog_records, backlog_bytes) =
            status.read(|s| (s.uplink.connected, s.buffer.undelivered_records, s.buffer.undelivered_bytes));
        if !is_connected {
            return;
        }
        self.next_ms = boot_ms + self.every_ms;
        let mut values = Vec::new();
        for (tag, slot) in self.configuration.tags.iter().zip(&mut self.newest) {
            if values.len() >= STATE_VALUES_MAX {
                break;
            }
            let Some(Latest { value, quality, boot_ms: read_ms }) = slot.take() else { continue };
            let age_ms = u64::try_from(boot_ms - read_ms).unwrap_or(0);
            values.push(StateValue { tag: tag.id.clone(), value: value.to_string(), age_ms, quality });
        }
        let message = StateMessage { boot_ms, wall_ms: clock.read().wall_ms, backlog_records, backlog_bytes, values };
        let bytes = message.encode();
        if bytes.len() <= protocol::receipt::STATE_MAX {
            latest.send_replace(bytes);
        }
    }
}

pub(crate) fn tls_config(
    settings: &UplinkSettings,
    enrolment: &Enrolment,
    key: &SecretKey,
    clock: &SharedClock,
) -> anyhow::Result<Option<Arc<rustls::ClientConfig>>> {
    let client = ClientIdentity { certificate_pem: enrolment.client_certificate_pem.clone(), key: key.clone() };
    Ok(match (&settings.broker_ca_pem, settings.tls) {
        (_, false) => None,
        (Some(ca), true) => {
            // A broker with passwords need not know our certificate authority.
            let own = settings.credentials.is_none().then_some(&client);
            Some(Arc::new(tls::broker(ca, own)?))
        }
        (None, true) => {
            let pin = Pin::Whole(enrolment.server_spki()?);
            let verifier = Arc::new(PinnedServer::new(pin, Some(clock.clone())));
            Some(Arc::new(tls::pinned(verifier, Some(&client))?))
        }
    })
}

pub(super) fn link(
    settings: &UplinkSettings,
    enrolment: &Enrolment,
    tls: watch::Receiver<Option<Arc<rustls::ClientConfig>>>,
) -> anyhow::Result<Link> {
    let address = settings.address.as_deref().unwrap_or(&enrolment.mqtt_host_port);
    let (host, port) = split_address(address)
        .with_context(|| format!("`{address}` is not host:port; correct `[uplink] address` or enrol again"))?;
    Ok(Link {
        host,
        port,
        tls,
        credentials: settings.credentials.clone(),
        site: enrolment.site.clone(),
        gateway: enrolment.gateway.clone(),
        window: settings.delivery.window,
    })
}

/// Splits `host:port`, `[v6]:port`.
pub(crate) fn split_address(address: &str) -> Option<(String, u16)> {
    let (host, port) = address.rsplit_once(':')?;
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    if host.is_empty() { None } else { Some((host.to_owned(), port.parse().ok()?)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_split_at_the_last_colon() {
        assert_eq!(split_address("gz.example.cn:8883"), Some(("gz.example.cn".to_owned(), 8883)));
        assert_eq!(split_address("[::1]:8883"), Some(("::1".to_owned(), 8883)));
        assert_eq!(split_address("gz.example.cn"), None);
        assert_eq!(split_address(":1"), None);
    }
}
