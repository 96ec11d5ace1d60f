//! Encrypted connections: how they are protected as an address asks for it, with rustls.

use std::path::PathBuf;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, SignatureScheme};
use tokio_rustls::TlsConnector;

use super::certificates;
use super::socket::Socket;

/// How a connection is protected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Protection {
    pub(crate) mode: Mode,
    pub(crate) root: Option<PathBuf>,
    pub(crate) certificate: Option<PathBuf>,
    pub(crate) key: Option<PathBuf>,
    names: Names,
}

/// What the parameters of an address are called that name files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Names {
    pub(crate) root: &'static str,
    pub(crate) certificate: &'static str,
    pub(crate) key: &'static str,
}

/// How much protection is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Mode {
    /// Never encrypted.
    Disable,
    /// Encrypted where the server can.
    #[default]
    Prefer,
    /// Encrypted; the server is not verified unless a root certificate is given.
    Require,
    /// Encrypted, and its certificate leads to a root that is trusted.
    VerifyAuthority,
    /// The same, and the certificate is that of the host.
    VerifyFull,
}

impl Protection {
    /// What holds where an address asks for nothing.
    pub(crate) fn new(names: Names) -> Self {
        Self { mode: Mode::default(), root: None, certificate: None, key: None, names }
    }

    /// Refuses a certificate without its key, and a key without its certificate.
    pub(crate) fn check(&self) -> Result<(), String> {
        let Names { certificate, key, .. } = self.names;
        match self.certificate.is_some() == self.key.is_some() {
            true => Ok(()),
            false => Err(format!("`{certificate}` and `{key}` belong together: one of them is missing")),
        }
    }
}

/// Encrypts a connection to a host.
///
/// # Errors
///
/// Why not: a file that cannot be read, a certificate that is not trusted.
pub(crate) async fn encrypt(
    socket: impl Socket + 'static,
    host: &str,
    protection: &Protection,
) -> Result<Box<dyn Socket>, String> {
    let name = ServerName::try_from(host.to_owned())
        .map_err(|_| format!("`{host}` is no name that a certificate can be for"))?;
    let connector = TlsConnector::from(Arc::new(configuration(protection)?));
    let stream = connector.connect(name, socket).await.map_err(|error| explained(&error, protection))?;
    Ok(Box::new(stream))
}

fn explained(error: &std::io::Error, protection: &Protection) -> String {
    match protection_error(error) {
        Some(Error::InvalidCertificate(CertificateError::UnknownIssuer)) => {
            format!(
                "the server's certificate leads to no root that is trusted: name the root with `{}`",
                protection.names.root
            )
        }
        Some(Error::InvalidCertificate(CertificateError::NotValidForNameContext { presented, .. })) => {
            format!(
                "the server's certificate is for {}, not for the host of the address",
                presented.join(", ")
            )
        }
        Some(other) => format!("the connection could not be encrypted: {other}"),
        None => format!("the connection could not be encrypted: {error}"),
    }
}

fn protection_error(error: &std::io::Error) -> Option<&Error> {
    error.get_ref().and_then(|error| error.downcast_ref::<Error>())
}

fn configuration(protection: &Protection) -> Result<ClientConfig, String> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    // As the programs of the servers do: whoever gives a root wants it to be looked at.
    let mode = match protection.mode {
        Mode::Require | Mode::Prefer if protection.root.is_some() => Mode::VerifyAuthority,
        mode => mode,
    };
    let verifier = match mode {
        Mode::VerifyFull => Verifier { provider, authority: Some(authority(protection)?), name: true },
        Mode::VerifyAuthority => Verifier { provider, authority: Some(authority(protection)?), name: false },
        Mode::Disable | Mode::Prefer | Mode::Require => Verifier { provider, authority: None, name: false },
    };
    let builder = builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier));
    let Names { certificate: certificate_name, key: key_name, .. } = protection.names;
    match (&protection.certificate, &protection.key) {
        (Some(certificate), Some(key)) => builder
            .with_client_auth_cert(certificates::read(certificate)?, certificates::key(key)?)
            .map_err(|error| format!("`{certificate_name}` and `{key_name}` do not fit: {error}")),
        _ => Ok(builder.with_no_client_auth()),
    }
}

fn authority(protection: &Protection) -> Result<Arc<WebPkiServerVerifier>, String> {
    let roots = certificates::roots(protection.root.as_deref())?;
    WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::new(ring::default_provider()))
        .build()
        .map_err(|_| {
            format!("there is no root certificate on this machine: name one with `{}`", protection.names.root)
        })
}

/// Looks at a server's certificate as far as the mode asks for it.
#[derive(Debug)]
struct Verifier {
    provider: Arc<CryptoProvider>,
    /// Whether it leads to a root that is trusted; not looked at where there is none.
    authority: Option<Arc<WebPkiServerVerifier>>,
    /// Whether it is that of the host.
    name: bool,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Some(authority) = &self.authority else { return Ok(ServerCertVerified::assertion()) };
        match authority.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now) {
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) if !self.name => Ok(ServerCertVerified::assertion()),
            other => other,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
