//! Addresses: `mysql://user:password@host:port/database?ssl-mode=verify-identity`; `mariadb://` means the same.

use std::path::Path;
use std::time::Duration;

use crate::network::{Mode, Names, Protection};
use crate::servers::address::{Parts, check_texts, one_host, unknown_parameter, user_or};

/// Where a database is, who asks, and how the connection is protected.
#[derive(Clone, PartialEq, Eq)]
pub struct Address {
    pub(crate) host: String,
    pub(crate) port: u16,
    /// The path of a socket of this machine, which takes the place of host and port.
    pub(crate) socket: Option<String>,
    pub(crate) user: String,
    pub(crate) password: Option<String>,
    pub(crate) database: String,
    pub(crate) protection: Protection,
    pub(crate) connect_timeout: Duration,
}

const DEFAULT_PORT: u16 = 3306;
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);
const NAMES: Names = Names { root: "ssl-ca", certificate: "ssl-cert", key: "ssl-key" };

/// The parameters that are understood.
const PARAMETERS: [&str; 6] = ["socket", "ssl-mode", "ssl-ca", "ssl-cert", "ssl-key", "connect-timeout"];

impl std::fmt::Debug for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.place())
    }
}

impl Address {
    /// Reads an address. Files that it names are relative to `folder`.
    ///
    /// # Errors
    ///
    /// What is wrong with it, without any of its values but names.
    pub fn parse(url: &str, folder: &Path) -> Result<Self, String> {
        let begins = "it does not begin with `mysql://` or `mariadb://`";
        let (scheme, rest) = url.split_once("://").ok_or(begins)?;
        if !is_known(scheme) {
            return Err(begins.to_owned());
        }
        let Parts { user, password, host, port, database, parameters } = Parts::read(rest)?;
        let mut address = Self {
            host,
            port: port.unwrap_or(DEFAULT_PORT),
            socket: None,
            user,
            password,
            database,
            protection: Protection::new(NAMES),
            connect_timeout: DEFAULT_TIMEOUT,
        };
        for (name, value) in parameters {
            address.set(&name, value, folder)?;
        }
        address.complete()
    }

    fn set(&mut self, name: &str, value: String, folder: &Path) -> Result<(), String> {
        let file = || Some(folder.join(&value));
        match name {
            "socket" => self.socket = Some(value),
            "ssl-mode" => self.protection.mode = mode(&value)?,
            "ssl-ca" => self.protection.root = file(),
            "ssl-cert" => self.protection.certificate = file(),
            "ssl-key" => self.protection.key = file(),
            "connect-timeout" => {
                let seconds = value.parse().ok().filter(|seconds| *seconds > 0);
                let seconds: u64 = seconds.ok_or("`connect-timeout` is no number of seconds")?;
                self.connect_timeout = Duration::from_secs(seconds);
            }
            other => return Err(unknown_parameter(other, &PARAMETERS)),
        }
        Ok(())
    }

    fn complete(mut self) -> Result<Self, String> {
        self.host = one_host(self.host)?;
        self.user = user_or(self.user, "root");
        if self.database.is_empty() {
            return Err("it names no database: add `/database` after the host".to_owned());
        }
        self.protection.check()?;
        let texts = [&self.host, &self.user, &self.database];
        check_texts(texts.into_iter().chain(&self.password).chain(&self.socket))?;
        Ok(self)
    }

    /// Whether both lead the same account to the same database.
    pub fn is_same_database(&self, other: &Self) -> bool {
        self.user == other.user && self.is_same_place(other)
    }

    /// Whether both lead to the same database, by whatever account.
    pub fn is_same_place(&self, other: &Self) -> bool {
        let key = |address: &Self| {
            let Self { host, port, socket, database, .. } = address;
            let place = match socket {
                Some(socket) => (socket.clone(), 0),
                None => (host.to_lowercase(), *port),
            };
            (place, database.clone())
        };
        key(self) == key(other)
    }

    /// Where it is, for people.
    pub(crate) fn place(&self) -> String {
        let Self { host, port, socket, database, .. } = self;
        match socket {
            Some(socket) => format!("{socket}/{database}"),
            None => format!("{host}:{port}/{database}"),
        }
    }
}

fn is_known(scheme: &str) -> bool {
    ["mysql", "mariadb"].iter().any(|known| scheme.eq_ignore_ascii_case(known))
}

fn mode(text: &str) -> Result<Mode, String> {
    Ok(match text.to_ascii_lowercase().replace('_', "-").as_str() {
        "disabled" => Mode::Disable,
        "preferred" => Mode::Prefer,
        "required" => Mode::Require,
        "verify-ca" => Mode::VerifyAuthority,
        "verify-identity" => Mode::VerifyFull,
        _ => {
            let known = "`disabled`, `preferred`, `required`, `verify-ca`, `verify-identity`";
            return Err(format!("its `ssl-mode` is none of {known}"));
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(url: &str) -> Address {
        Address::parse(url, Path::new("/project")).unwrap()
    }

    #[test]
    fn every_part_of_an_address_is_read() {
        let address = parsed(
            "mariadb://a%40b:p%3Aw@db.example:3307/orders?ssl-mode=VERIFY_IDENTITY&ssl-ca=ca.pem&connect-timeout=3",
        );
        assert_eq!(address.user, "a@b");
        assert_eq!(address.password.as_deref(), Some("p:w"));
        assert_eq!((address.host.as_str(), address.port), ("db.example", 3307));
        assert_eq!(address.database, "orders");
        assert_eq!(address.protection.mode, Mode::VerifyFull);
        assert_eq!(address.protection.root.as_deref(), Some(Path::new("/project/ca.pem")));
        assert_eq!(address.connect_timeout, Duration::from_secs(3));
    }

    #[test]
    fn what_is_not_said_has_a_default() {
        let address = parsed("mysql://ada@/orders");
        assert_eq!((address.host.as_str(), address.port), ("localhost", 3306));
        assert_eq!(address.protection.mode, Mode::Prefer);
        assert_eq!(parsed("mysql://ada@/orders?socket=/run/mysqld.sock").place(), "/run/mysqld.sock/orders");
        assert_eq!(parsed("mysql://ada@[::1]:3307/x").host, "::1");
    }

    #[test]
    fn what_is_wrong_is_said_without_the_password() {
        for url in [
            "mysql://ada:sesame@host:port/x",
            "mysql://ada:sesame%zz@host/x",
            "mysql://ada:sesame@one,two/x",
            "mysql://ada:sesame@host/x?ssl-mode=maybe",
            "mysql://ada:sesame@host/x?pool=3",
            "mysql://ada:sesame@host/x?ssl-cert=c.pem",
            "mysql://ada:sesame@host",
        ] {
            let said = Address::parse(url, Path::new("/project")).unwrap_err();
            assert!(!said.contains("sesame") && said.len() > 15, "{said}");
        }
    }

    #[test]
    fn an_address_is_shown_without_its_password() {
        assert_eq!(format!("{:?}", parsed("mysql://ada:sesame@host/x")), "host:3306/x");
    }
}
