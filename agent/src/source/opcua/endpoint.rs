//! What a server says of itself before anybody logs in: its endpoints and its certificate. Pure.
//!
//! Constraints: the fingerprint is the SHA-256 of the certificate as it came; a certificate that cannot be parsed still has one.
//! A user token policy without a security policy means the endpoint's (Part 4, 7.41); the library takes it for None and then signs a
//! user certificate with nothing, so it is written out before the library sees it.

use opcua_crypto::X509;
use opcua_types::{ByteString, EndpointDescription, UAString, UserTokenType};
use sha2::{Digest as _, Sha256};

/// One way a server can be reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// Where, as the server writes it: its own name for itself may not be ours.
    pub url: String,
    /// Security policy, as its short name.
    pub policy: String,
    /// `None`, `Sign`, `SignAndEncrypt`.
    pub mode: String,
    /// Ways to log in: `anonymous`, `user`, `certificate`, `token`.
    pub logins: Vec<&'static str>,
    /// SHA-256 of the certificate, hexadecimal; empty without one.
    pub fingerprint: String,
    /// What the certificate says, where it can be read.
    pub certificate: Option<Certificate>,
}

/// What a person compares of a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// Its subject.
    pub subject: String,
    /// Valid from, Unix milliseconds.
    pub from_ms: i64,
    /// Valid until, Unix milliseconds.
    pub until_ms: i64,
    x509: Vec<u8>,
}

impl Certificate {
    fn read(bytes: &ByteString) -> Option<Self> {
        let x509 = X509::from_byte_string(bytes).ok()?;
        Some(Self {
            subject: printable(&x509.subject_name()),
            from_ms: x509.not_before().ok()?.timestamp_millis(),
            until_ms: x509.not_after().ok()?.timestamp_millis(),
            x509: bytes.value.clone().unwrap_or_default(),
        })
    }

    /// Whether it names `host` among its host names and addresses.
    pub fn names_host(&self, host: &str) -> bool {
        X509::from_der(&self.x509).is_ok_and(|x509| x509.is_hostname_valid(host).is_ok())
    }
}

impl Offer {
    /// What an endpoint description says.
    pub fn of(endpoint: &EndpointDescription) -> Self {
        let policy = endpoint.security_policy_uri.as_ref().rsplit('#').next().unwrap_or_default();
        let mut logins: Vec<&'static str> = endpoint
            .user_identity_tokens
            .iter()
            .flatten()
            .map(|token| match token.token_type {
                UserTokenType::Anonymous => "anonymous",
                UserTokenType::UserName => "user",
                UserTokenType::Certificate => "certificate",
                UserTokenType::IssuedToken => "token",
            })
            .collect();
        logins.dedup();
        Self {
            url: printable(endpoint.endpoint_url.as_ref()),
            policy: printable(policy),
            mode: endpoint.security_mode.to_string(),
            logins,
            fingerprint: fingerprint(&endpoint.server_certificate).map(|f| hex(&f)).unwrap_or_default(),
            certificate: Certificate::read(&endpoint.server_certificate),
        }
    }

    /// Policy and mode, as shown to people.
    pub fn security(&self) -> String {
        format!("{}/{}", self.policy, self.mode)
    }
}

/// SHA-256 of a certificate; `None` without one.
pub fn fingerprint(certificate: &ByteString) -> Option<[u8; 32]> {
    let bytes = certificate.value.as_ref()?;
    (!bytes.is_empty()).then(|| Sha256::digest(bytes.as_slice()).into())
}

/// Lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(bytes)
}

/// Writes the endpoint's security policy into token policies that leave it out.
pub fn state_token_policies(endpoint: &mut EndpointDescription) {
    let policy: UAString = endpoint.security_policy_uri.clone();
    for token in endpoint.user_identity_tokens.iter_mut().flatten() {
        if token.security_policy_uri.is_empty() {
            token.security_policy_uri = policy.clone();
        }
    }
}

/// The host of `opc.tcp://host:port/path`; brackets of an IPv6 address are taken off.
pub fn host(url: &str) -> Option<&str> {
    let rest = url.strip_prefix("opc.tcp://")?;
    let authority = rest.split('/').next()?;
    let host = match authority.strip_prefix('[') {
        Some(v6) => v6.split_once(']')?.0,
        None => authority.rsplit_once(':').map_or(authority, |(host, _)| host),
    };
    (!host.is_empty()).then_some(host)
}

/// Text of a stranger for a terminal: no control characters, 200 characters at most.
pub fn printable(text: &str) -> String {
    one_line(text).chars().take(200).collect()
}

/// Text that stays on its line whatever is in it.
pub fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '·' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use opcua_types::UserTokenPolicy;

    use super::*;

    #[test]
    fn a_token_without_a_policy_gets_the_endpoints_and_a_stated_one_stays() {
        let token = |uri: &str| UserTokenPolicy { security_policy_uri: uri.into(), ..UserTokenPolicy::default() };
        let mut endpoint = EndpointDescription {
            security_policy_uri: "urn:secure".into(),
            user_identity_tokens: Some(vec![token(""), token("urn:other")]),
            ..EndpointDescription::default()
        };
        state_token_policies(&mut endpoint);
        let stated: Vec<_> =
            endpoint.user_identity_tokens.iter().flatten().map(|t| t.security_policy_uri.as_ref().to_owned()).collect();
        assert_eq!(stated, ["urn:secure", "urn:other"]);
    }

    #[test]
    fn the_host_of_a_url_is_found_or_there_is_none() {
        for (url, expected) in [
            ("opc.tcp://192.168.1.20:4840", Some("192.168.1.20")),
            ("opc.tcp://press:4840/ua/", Some("press")),
            ("opc.tcp://press", Some("press")),
            ("opc.tcp://[fe80::1]:4840/", Some("fe80::1")),
            ("opc.tcp://", None),
            ("http://press", None),
        ] {
            assert_eq!(host(url), expected, "{url}");
        }
    }

    #[test]
    fn what_a_stranger_wrote_reaches_no_terminal_as_a_command() {
        assert_eq!(printable("Press\u{1b}[2J\n3"), "Press·[2J·3");
        assert_eq!(printable(&"长".repeat(500)).chars().count(), 200);
    }
}
