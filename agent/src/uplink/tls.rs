//! TLS towards our own server: its enrolled key and no other.
//!
//! Constraints:
//! 1. The server is recognised by SHA-256 over its public key (SubjectPublicKeyInfo), learnt with the enrolment code. Names and
//!    certificate authorities do not matter, so a server may move and a factory needs no DNS.
//! 2. Dates in certificates count only while our clock is synchronised: a box that wakes in 1970 must be able to connect, or it
//!    would never learn what time it is.
//! 3. rustls with ring; TLS 1.2 and 1.3.

use std::sync::{Arc, Mutex};

use protocol::{Digest, SecretKey, sha256};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

use super::certificate;
use crate::clock::{SharedClock, is_synchronised};

/// What the server's key must hash to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pin {
    /// The whole digest, as stored after enrolment.
    Whole(Digest),
    /// Its first 16 bytes, as an enrolment code carries them.
    Prefix([u8; 16]),
}

impl Pin {
    fn matches(&self, digest: &Digest) -> bool {
        match self {
            Pin::Whole(whole) => whole == digest,
            Pin::Prefix(prefix) => digest.0.starts_with(prefix),
        }
    }
}

/// Why TLS cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A certificate file is not PEM, or holds no certificate.
    #[error("{what} is not a certificate in PEM form")]
    NotPem {
        /// Which one.
        what: &'static str,
    },
    /// rustls refused the key or certificate.
    #[error("the certificate and the key do not fit together")]
    Refused(#[from] Error),
}

/// Accepts exactly one public key.
#[derive(Debug)]
pub struct PinnedServer {
    pin: Pin,
    clock: Option<SharedClock>,
    provider: Arc<CryptoProvider>,
    seen: Mutex<Option<Digest>>,
}

impl PinnedServer {
    /// `clock`: dates count while it is synchronised; without one they never do.
    pub fn new(pin: Pin, clock: Option<SharedClock>) -> Self {
        PinnedServer {
            pin,
            clock,
            provider: Arc::new(rustls::crypto::ring::default_provider()),
            seen: Mutex::new(None),
        }
    }

    /// Digest of the key of the last server that was accepted.
    pub fn seen(&self) -> Option<Digest> {
        self.seen.lock().ok().and_then(|seen| *seen)
    }
}

impl ServerCertVerifier for PinnedServer {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let facts = certificate::facts(end_entity).ok_or(Error::InvalidCertificate(CertificateError::BadEncoding))?;
        let digest = sha256(facts.spki);
        if !self.pin.matches(&digest) {
            return Err(Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure));
        }
        if let Some(now) = self.clock.as_ref().map(|clock| clock.read())
            && is_synchronised(now.sync)
        {
            if now.wall_ms < facts.not_before_ms {
                return Err(Error::InvalidCertificate(CertificateError::NotValidYet));
            }
            if now.wall_ms > facts.not_after_ms {
                return Err(Error::InvalidCertificate(CertificateError::Expired));
            }
        }
        if let Ok(mut seen) = self.seen.lock() {
            *seen = Some(digest);
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// A gateway's certificate with its key.
#[derive(Debug, Clone)]
pub struct ClientIdentity {
    /// PEM, leaf first.
    pub certificate_pem: String,
    /// The gateway's key.
    pub key: SecretKey,
}

/// TLS towards the server behind `verifier`, with a client certificate if there is one.
///
/// # Errors
/// See [`TlsError`].
pub fn pinned(verifier: Arc<PinnedServer>, client: Option<&ClientIdentity>) -> Result<ClientConfig, TlsError> {
    let builder = ClientConfig::builder_with_provider(verifier.provider.clone())
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    match client {
        Some(client) => Ok(builder.with_client_auth_cert(chain(client)?, private_key(client))?),
        None => Ok(builder.with_no_client_auth()),
    }
}

/// TLS towards an external broker, checked the usual way against `ca_pem`.
///
/// # Errors
/// See [`TlsError`].
pub fn broker(ca_pem: &str, client: Option<&ClientIdentity>) -> Result<ClientConfig, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(ca_pem.as_bytes()) {
        roots.add(certificate.map_err(|_| TlsError::NotPem { what: "the broker's CA file" })?)?;
    }
    if roots.is_empty() {
        return Err(TlsError::NotPem { what: "the broker's CA file" });
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots);
    match client {
        Some(client) => Ok(builder.with_client_auth_cert(chain(client)?, private_key(client))?),
        None => Ok(builder.with_no_client_auth()),
    }
}

/// Dates of the first certificate in `pem`: (not before, not after), milliseconds since the Unix epoch.
#[must_use]
pub fn validity(pem: &str) -> Option<(i64, i64)> {
    let der = CertificateDer::from_pem_slice(pem.as_bytes()).ok()?;
    certificate::facts(&der).map(|facts| (facts.not_before_ms, facts.not_after_ms))
}

fn chain(client: &ClientIdentity) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let not_pem = TlsError::NotPem { what: "the gateway's certificate" };
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(client.certificate_pem.as_bytes()).collect();
    match chain {
        Ok(chain) if !chain.is_empty() => Ok(chain),
        _ => Err(not_pem),
    }
}

fn private_key(client: &ClientIdentity) -> PrivateKeyDer<'static> {
    PrivatePkcs8KeyDer::from(client.key.to_pkcs8_der()).into()
}
