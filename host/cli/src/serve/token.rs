//! Who may ask: the bearer token, and what holds where there is none.

use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use sandpiper::engine::digest::Digest;
use sandpiper::engine::fault::Fault;

use super::http::{Answer, Request};

/// The variable that may hold the token.
const VARIABLE: &str = "SANDPIPER_TOKEN";

/// Decides who is answered. Of a token only its digest is kept, so that it cannot be shown.
#[derive(Clone)]
pub(super) struct Guard(Option<Digest>);

impl Guard {
    /// With the token of the file, else of the variable.
    ///
    /// # Errors
    ///
    /// When the file cannot be read or is empty, or when there is no token and others than this machine may ask.
    pub(super) fn new(file: Option<&Path>, listen: SocketAddr) -> Result<Self, Fault> {
        let token = match file {
            Some(file) => Some(fs::read_to_string(file).map_err(|error| {
                Fault::usage(format!("the token file `{}` cannot be read: {error}", file.display()))
            })?),
            None => std::env::var(VARIABLE).ok(),
        };
        let guard = Self::of(token.as_deref())?;
        if guard.0.is_none() && !listen.ip().is_loopback() {
            let message = format!("`{listen}` can be reached from elsewhere, and there is no token");
            return Err(Fault::usage(message).with_help(
                "give one with `--token-file FILE` or the variable SANDPIPER_TOKEN, or listen on 127.0.0.1",
            ));
        }
        Ok(guard)
    }

    fn of(token: Option<&str>) -> Result<Self, Fault> {
        match token.map(str::trim) {
            None => Ok(Self(None)),
            Some("") => Err(Fault::usage("the token is empty")
                .with_help("make one, for example with `openssl rand -hex 32`")),
            Some(token) => Ok(Self(Some(Digest::of(token.as_bytes())))),
        }
    }

    /// Lets the request through, or says why not.
    pub(super) fn admits(&self, request: &Request) -> Result<(), Answer> {
        let Some(token) = self.0 else {
            // A page in a browser of this machine may have its own name point here: it must not read the answer.
            return match is_this_machine(&request.host) {
                true => Ok(()),
                false => Err(Answer::refusal(403, "without a token, only `localhost` is answered")),
            };
        };
        let given = request.authorization.as_deref().and_then(bearer).map(Digest::of);
        if given.is_some_and(|given| are_equal(given.as_bytes(), token.as_bytes())) {
            return Ok(());
        }
        let mut answer = Answer::refusal(401, "a bearer token is needed: `Authorization: Bearer TOKEN`");
        answer.headers.push(("WWW-Authenticate", "Bearer realm=\"sandpiper\"".to_owned()));
        Err(answer)
    }
}

/// The token of an `Authorization` header.
fn bearer(header: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = header.split_at_checked(7)?;
    scheme.eq_ignore_ascii_case(b"bearer ").then(|| token.trim_ascii())
}

/// Compares in a time that does not tell where they differ.
fn are_equal(one: &[u8], other: &[u8]) -> bool {
    one.len() == other.len() && one.iter().zip(other).fold(0, |differs, (a, b)| differs | (a ^ b)) == 0
}

/// Whether a `Host` header names this machine; who sends none is no browser.
fn is_this_machine(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    let is_loopback = |name: &str| name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    name.is_empty() || name.eq_ignore_ascii_case("localhost") || is_loopback(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(host: &str, authorization: Option<&str>) -> Request {
        Request {
            method: "GET".to_owned(),
            path: "/v1/status".to_owned(),
            query: String::new(),
            host: host.to_owned(),
            authorization: authorization.map(|it| it.as_bytes().to_vec()),
        }
    }

    #[test]
    fn only_the_token_opens() {
        let guard = Guard::of(Some("s3cret-token\n")).unwrap();
        let asked = |authorization| guard.admits(&request("anywhere", authorization)).map_err(|it| it.status);
        assert_eq!(asked(Some("Bearer s3cret-token")), Ok(()));
        assert_eq!(asked(Some("bearer  s3cret-token")), Ok(()));
        for wrong in
            [None, Some("Bearer"), Some("Bearer "), Some("Bearer s3cret-toke"), Some("Basic s3cret-token")]
        {
            assert_eq!(asked(wrong), Err(401), "{wrong:?}");
        }
        assert!(Guard::of(Some(" \n")).is_err());
    }

    #[test]
    fn without_a_token_only_this_machine_is_answered() {
        let guard = Guard::of(None).unwrap();
        for host in ["localhost:8080", "127.0.0.1", "[::1]:8080", "LOCALHOST", ""] {
            assert!(guard.admits(&request(host, None)).is_ok(), "{host}");
        }
        for host in ["evil.example:8080", "10.0.0.1", "localhost.evil.example"] {
            assert_eq!(guard.admits(&request(host, None)).unwrap_err().status, 403, "{host}");
        }
    }

    #[test]
    fn elsewhere_than_on_loopback_a_token_is_needed() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("token");
        std::fs::write(&file, "t\n").unwrap();
        assert!(Guard::new(Some(&file), "0.0.0.0:80".parse().unwrap()).is_ok());
        assert!(Guard::new(Some(&folder.path().join("none")), "127.0.0.1:80".parse().unwrap()).is_err());
    }
}
