//! Encrypted connections to APIs: the server is always verified.

use std::sync::Arc;

use rustls::crypto::ring;
use rustls::{CertificateError, ClientConfig, Error};

use super::settings::Settings;
use crate::network::certificates;

/// How connections are encrypted.
///
/// # Errors
///
/// A certificate that cannot be read.
pub(crate) fn configuration(settings: &Settings) -> Result<ClientConfig, String> {
    let mut roots = certificates::roots(settings.root_certificate.as_deref())?;
    if roots.is_empty() {
        // An image that holds nothing but this program has no roots of its own.
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots);
    let mut configuration = match &settings.client {
        Some((certificate, key)) => builder
            .with_client_auth_cert(certificates::read(certificate)?, certificates::key(key)?)
            .map_err(|error| format!("`sslcert` and `sslkey` do not fit: {error}"))?,
        None => builder.with_no_client_auth(),
    };
    configuration.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(configuration)
}

/// Why a connection could not be encrypted; `untrusted` says how to name a root.
pub(crate) fn explained(error: &std::io::Error, untrusted: &str) -> String {
    match error.get_ref().and_then(|error| error.downcast_ref::<Error>()) {
        Some(Error::InvalidCertificate(CertificateError::UnknownIssuer)) => {
            format!("the server's certificate leads to no root that is trusted: {untrusted}")
        }
        Some(Error::InvalidCertificate(CertificateError::NotValidForNameContext { presented, .. })) => {
            format!("the server's certificate is for {}, not for the host of the URL", presented.join(", "))
        }
        Some(other) => format!("the connection could not be encrypted: {other}"),
        None => format!("the connection could not be encrypted: {error}"),
    }
}
