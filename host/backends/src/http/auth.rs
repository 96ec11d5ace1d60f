//! Who we are to an API. The host adds it to each request; no guest sees it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::header::{AUTHORIZATION, HeaderName, HeaderValue};

use super::base::BaseUrl;

/// How requests to an API are authorised.
#[derive(Clone, PartialEq, Eq)]
pub enum Auth {
    /// `Authorization: Bearer V`.
    Bearer(String),
    /// Basic authentication: user and password.
    Basic {
        /// Who.
        user: String,
        /// The secret.
        password: String,
    },
    /// A header of its own.
    Header {
        /// Its name.
        name: String,
        /// The secret.
        value: String,
    },
    /// OAuth 2.0, client credentials.
    OAuth2 {
        /// Where a token is asked for.
        token_url: String,
        /// Who.
        client_id: String,
        /// The secret.
        client_secret: String,
        /// What for.
        scopes: Vec<String>,
    },
    /// Signature version 4 of AWS.
    SigV4 {
        /// `eu-central-1`, say.
        region: String,
        /// `s3`, say.
        service: String,
        /// Who.
        access_key: String,
        /// The secret.
        secret_key: String,
        /// Of temporary credentials.
        session_token: Option<String>,
    },
}

impl std::fmt::Debug for Auth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Bearer(_) => "Bearer",
            Self::Basic { .. } => "Basic",
            Self::Header { .. } => "Header",
            Self::OAuth2 { .. } => "OAuth2",
            Self::SigV4 { .. } => "SigV4",
        })
    }
}

impl Auth {
    /// What is wrong with it, without any of its secrets.
    ///
    /// # Errors
    ///
    /// A value that no header can hold, a name that is none, an address that is none.
    pub fn check(&self) -> Result<(), String> {
        match self {
            Self::Bearer(token) => value("bearer", token).map(drop),
            Self::Basic { user, .. } if user.contains(':') => {
                Err("the `user` of `basic` holds a `:`, which ends it".to_owned())
            }
            Self::Basic { .. } => Ok(()),
            Self::Header { name, value: secret } => {
                let parsed = HeaderName::from_bytes(name.as_bytes());
                let parsed =
                    parsed.map_err(|_| "the `name` of `header` is no name of a header".to_owned())?;
                if ["host", "content-length", "transfer-encoding", "connection"].contains(&parsed.as_str()) {
                    return Err(format!("the header `{parsed}` cannot hold credentials"));
                }
                value("header", secret).map(drop)
            }
            Self::OAuth2 { token_url, .. } => token_address(token_url).map(drop),
            Self::SigV4 { region, service, access_key, session_token, .. } => {
                let is_word = |text: &str| {
                    !text.is_empty()
                        && text
                            .bytes()
                            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
                };
                if !is_word(region) || !is_word(service) {
                    return Err(
                        "`region` and `service` of `sigv4` are words, such as `eu-central-1` and `s3`"
                            .to_owned(),
                    );
                }
                value("access-key", access_key)?;
                session_token.as_ref().map_or(Ok(()), |token| value("session-token", token).map(drop))
            }
        }
    }

    /// The header that says it, where it is the same for every request.
    pub(crate) fn header(&self) -> Result<Option<(HeaderName, HeaderValue)>, String> {
        match self {
            Self::Bearer(token) => bearer(token).map(Some),
            Self::Basic { user, password } => {
                let header = value("basic", &format!("Basic {}", basic(user, password)))?;
                Ok(Some((AUTHORIZATION, header)))
            }
            Self::Header { name, value: secret } => {
                let name = HeaderName::from_bytes(name.as_bytes())
                    .map_err(|_| "the `name` of `header` is no name of a header".to_owned())?;
                Ok(Some((name, value("header", secret)?)))
            }
            Self::OAuth2 { .. } | Self::SigV4 { .. } => Ok(None),
        }
    }

    /// Secrets that are made of those of the configuration, and stand in requests.
    pub(crate) fn derived_secrets(&self) -> Vec<String> {
        match self {
            Self::Basic { user, password } => vec![basic(user, password)],
            Self::OAuth2 { client_id, client_secret, .. } => {
                vec![super::oauth2::basic(client_id, client_secret)]
            }
            Self::Bearer(_) | Self::Header { .. } | Self::SigV4 { .. } => Vec::new(),
        }
    }
}

/// Where a token is asked for: the folder as a base URL, and path and query.
pub(crate) fn token_address(url: &str) -> Result<(BaseUrl, String), String> {
    BaseUrl::with_target(url).map_err(|why| format!("`token-url`: {why}"))
}

/// `Authorization: Bearer ..`.
pub(crate) fn bearer(token: &str) -> Result<(HeaderName, HeaderValue), String> {
    Ok((AUTHORIZATION, value("bearer", &format!("Bearer {token}"))?))
}

/// A value that is told to nobody.
pub(crate) fn value(what: &str, text: &str) -> Result<HeaderValue, String> {
    let mut value = HeaderValue::from_bytes(text.as_bytes())
        .map_err(|_| format!("the value of `{what}` holds a line end or a control character"))?;
    value.set_sensitive(true);
    Ok(value)
}

/// User and password, as `Basic` writes them.
pub(crate) fn basic(user: &str, password: &str) -> String {
    STANDARD.encode(format!("{user}:{password}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn basic_is_as_the_standard_shows_it() {
        // RFC 7617, section 2.
        assert_eq!(basic("Aladdin", "open sesame"), "QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
    }

    #[test]
    fn what_no_header_can_hold_is_a_problem_that_tells_no_secret() {
        let secret = "secret1\r\n".to_owned();
        for auth in [
            Auth::Bearer(secret.clone()),
            Auth::Header { name: "X-Key".to_owned(), value: secret },
            Auth::Header { name: "a b".to_owned(), value: "x".to_owned() },
            Auth::Header { name: "Host".to_owned(), value: "x".to_owned() },
            Auth::Basic { user: "a:b".to_owned(), password: "x".to_owned() },
        ] {
            assert!(!auth.check().unwrap_err().contains("secret1"));
        }
    }

    #[test]
    fn a_token_may_be_asked_for_at_any_address() {
        for (url, host, path) in [
            ("https://id.example/oauth/token", "id.example", "/oauth/token"),
            ("https://id.example/oauth/token?tenant=a", "id.example", "/oauth/token?tenant=a"),
            ("http://id.example:81/token", "id.example:81", "/token"),
            ("https://id.example", "id.example", "/"),
        ] {
            let (base, joined) = token_address(url).unwrap();
            assert_eq!((base.authority().as_str(), joined.as_str()), (host, path), "{url}");
        }
        assert!(token_address("id.example/token").is_err());
    }
}
