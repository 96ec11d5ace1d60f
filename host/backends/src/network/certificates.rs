//! Certificates for encrypted connections: the roots that are trusted, and what is read from PEM files.

use std::path::Path;

use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// The roots of a file, else those of the machine: `SSL_CERT_FILE` and `SSL_CERT_DIR`, where they are set, and what its
/// system keeps. They may be none.
///
/// # Errors
///
/// The file cannot be read.
pub(crate) fn roots(file: Option<&Path>) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    match file {
        Some(file) => {
            for root in read(file)? {
                roots
                    .add(root)
                    .map_err(|error| format!("the root certificate `{}`: {error}", file.display()))?;
            }
        }
        None => {
            let found = rustls_native_certs::load_native_certs();
            roots.add_parsable_certificates(found.certs);
        }
    }
    Ok(roots)
}

/// The certificates of a file: at least one.
pub(crate) fn read(file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let unreadable = |why: String| format!("the certificate `{}` cannot be read: {why}", file.display());
    let found: Result<Vec<_>, _> =
        CertificateDer::pem_file_iter(file).map_err(|error| unreadable(error.to_string()))?.collect();
    match found {
        Ok(found) if found.is_empty() => Err(unreadable("there is none in it".to_owned())),
        Ok(found) => Ok(found),
        Err(error) => Err(unreadable(error.to_string())),
    }
}

/// The private key of a file.
pub(crate) fn key(file: &Path) -> Result<PrivateKeyDer<'static>, String> {
    PrivateKeyDer::from_pem_file(file)
        .map_err(|error| format!("the key `{}` cannot be read: {error}", file.display()))
}
