//! `settings:` of an API: certificates, times, redirects, repetition.

use std::path::{Path, PathBuf};
use std::time::Duration;

/// How an API is spoken to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// A file of root certificates, in place of the machine's.
    pub root_certificate: Option<PathBuf>,
    /// Files of a client certificate and of its key.
    pub client: Option<(PathBuf, PathBuf)>,
    /// How long a connection may take.
    pub connect_timeout: Duration,
    /// How long a request may take, where it does not say so itself.
    pub timeout: Option<Duration>,
    /// Whether redirects of GET and HEAD are followed, below the base URL.
    pub follows_redirects: bool,
    /// How often a request is sent again that did nothing, or may be done twice.
    pub retries: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            root_certificate: None,
            client: None,
            connect_timeout: Duration::from_secs(10),
            timeout: None,
            follows_redirects: false,
            retries: 2,
        }
    }
}

/// The most that `retries` may be.
const MAX_RETRIES: u32 = 10;

impl Settings {
    /// Their names.
    pub const NAMES: [&'static str; 7] =
        ["sslrootcert", "sslcert", "sslkey", "connect_timeout", "timeout", "redirects", "retries"];

    /// Reads them; files are relative to a folder.
    ///
    /// # Errors
    ///
    /// What is wrong with one of them.
    pub fn read(settings: &[(String, String)], folder: &Path) -> Result<Self, String> {
        let mut read = Self::default();
        let (mut certificate, mut key) = (None, None);
        for (name, value) in settings {
            let file = || folder.join(value);
            match name.as_str() {
                "sslrootcert" => read.root_certificate = Some(file()),
                "sslcert" => certificate = Some(file()),
                "sslkey" => key = Some(file()),
                "connect_timeout" => read.connect_timeout = seconds(name, value)?,
                "timeout" => read.timeout = Some(seconds(name, value)?),
                "redirects" => {
                    read.follows_redirects = match value.as_str() {
                        "none" => false,
                        "same-origin" => true,
                        _ => return Err("`redirects` is neither `none` nor `same-origin`".to_owned()),
                    }
                }
                "retries" => {
                    let number = value.parse().ok().filter(|number| *number <= MAX_RETRIES);
                    read.retries =
                        number.ok_or_else(|| format!("`retries` is no number from 0 to {MAX_RETRIES}"))?;
                }
                other => {
                    let names = Self::NAMES.map(|name| format!("`{name}`")).join(", ");
                    return Err(format!("there is no setting `{other}` of an API; there are {names}"));
                }
            }
        }
        read.client = match (certificate, key) {
            (Some(certificate), Some(key)) => Some((certificate, key)),
            (None, None) => None,
            _ => return Err("`sslcert` and `sslkey` go together".to_owned()),
        };
        Ok(read)
    }
}

fn seconds(name: &str, value: &str) -> Result<Duration, String> {
    match value.parse::<u32>() {
        Ok(seconds) if seconds > 0 => Ok(Duration::from_secs(seconds.into())),
        _ => Err(format!("`{name}` is no number of seconds")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(settings: &[(&str, &str)]) -> Result<Settings, String> {
        let settings: Vec<_> =
            settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Settings::read(&settings, Path::new("/project"))
    }

    #[test]
    fn files_are_relative_to_the_configuration() {
        let read = read(&[("sslrootcert", "ca.pem"), ("sslcert", "me.pem"), ("sslkey", "/keys/me.key")]);
        let read = read.unwrap();
        assert_eq!(read.root_certificate, Some("/project/ca.pem".into()));
        assert_eq!(read.client, Some(("/project/me.pem".into(), "/keys/me.key".into())));
    }

    #[test]
    fn what_cannot_be_meant_is_a_problem() {
        for wrong in [
            [("sslcert", "me.pem")],
            [("timeout", "0")],
            [("timeout", "5s")],
            [("redirects", "all")],
            [("retries", "11")],
            [("search_path", "x")],
        ] {
            assert!(read(&wrong).is_err(), "{wrong:?}");
        }
        assert!(read(&[("redirects", "same-origin"), ("retries", "0"), ("timeout", "5")]).is_ok());
    }
}
