//! The ways to prove a password that servers ask for.

use sha1::Sha1;
use sha2::{Digest as _, Sha256};

use super::errors::Failure;

pub(crate) const NATIVE: &str = "mysql_native_password";
pub(crate) const CACHING: &str = "caching_sha2_password";
const SHA256: &str = "sha256_password";

/// What answers the seed of a way to authenticate.
///
/// # Errors
///
/// When the way is not known, or would show the password to whoever listens.
pub(crate) fn answer(
    plugin: &str,
    password: &str,
    seed: &[u8],
    is_private: bool,
) -> Result<Vec<u8>, Failure> {
    match plugin {
        NATIVE | CACHING if password.is_empty() => Ok(Vec::new()),
        NATIVE => Ok(native(password.as_bytes(), seed)),
        CACHING => Ok(caching(password.as_bytes(), seed)),
        SHA256 if password.is_empty() => Ok(vec![0]),
        SHA256 => plain(password, is_private),
        other => Err(Failure::Refused(format!(
            "the server asks for the way to authenticate `{other}`, and Sandpiper knows `{NATIVE}`, `{CACHING}` and \
             `{SHA256}`: give the account one of these, as `ALTER USER .. IDENTIFIED BY '..'` does"
        ))),
    }
}

/// The password itself, where nobody can listen.
pub(crate) fn plain(password: &str, is_private: bool) -> Result<Vec<u8>, Failure> {
    if !is_private {
        return Err(Failure::Refused(
            "the server wants to see the password, and the connection is not encrypted: leave `ssl-mode=disabled` out \
             of the address, switch TLS on at the server, or name its `socket` in the address"
                .to_owned(),
        ));
    }
    let mut bytes = password.as_bytes().to_vec();
    bytes.push(0);
    Ok(bytes)
}

fn native(password: &[u8], seed: &[u8]) -> Vec<u8> {
    let once = Sha1::digest(password);
    let twice = Sha1::digest(once);
    let proof = Sha1::new().chain_update(seed).chain_update(twice).finalize();
    once.iter().zip(proof).map(|(one, other)| one ^ other).collect()
}

fn caching(password: &[u8], seed: &[u8]) -> Vec<u8> {
    let once = Sha256::digest(password);
    let twice = Sha256::digest(once);
    let proof = Sha256::new().chain_update(twice).chain_update(seed).finalize();
    once.iter().zip(proof).map(|(one, other)| one ^ other).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_keeps_the_hash_of_a_hash_can_check_an_answer() {
        let seed: Vec<u8> = (1..=20).collect();
        // What the server keeps, and how it finds out whether the answer holds the hash of the password.
        let kept = Sha1::digest(Sha1::digest(b"sesame"));
        let mask = Sha1::new().chain_update(&seed).chain_update(kept).finalize();
        let found: Vec<u8> =
            native(b"sesame", &seed).iter().zip(mask).map(|(one, other)| one ^ other).collect();
        assert_eq!(Sha1::digest(found), kept);
        let kept = Sha256::digest(Sha256::digest(b"sesame"));
        let mask = Sha256::new().chain_update(kept).chain_update(&seed).finalize();
        let found: Vec<u8> =
            caching(b"sesame", &seed).iter().zip(mask).map(|(one, other)| one ^ other).collect();
        assert_eq!(Sha256::digest(found), kept);
    }

    #[test]
    fn a_password_is_not_sent_where_somebody_could_listen() {
        assert!(answer(SHA256, "sesame", b"seed", false).is_err());
        assert!(plain("sesame", false).is_err());
        assert_eq!(plain("a", true).unwrap(), b"a\0");
        assert!(answer("dialog", "sesame", b"seed", true).is_err());
    }
}
