//! Addresses: `postgres://user:password@host:port/database?sslmode=verify-full`, as PostgreSQL's own programs read them.

use std::path::Path;
use std::time::Duration;

use crate::network::{Mode, Names, Protection};
use crate::servers::address::{Parts, check_texts, one_host, port, unknown_parameter, user_or};

/// Where a database is, who asks, and how the connection is protected.
#[derive(Clone, PartialEq, Eq)]
pub struct Address {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) user: String,
    pub(crate) password: Option<String>,
    pub(crate) database: String,
    pub(crate) protection: Protection,
    pub(crate) connect_timeout: Duration,
    pub(crate) application_name: String,
    /// What the server is to set for the session, as its command line would: `-c name=value`.
    pub(crate) options: Option<String>,
}

const DEFAULT_PORT: u16 = 5432;
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);
const DEFAULT_NAME: &str = "sandpiper";
const NAMES: Names = Names { root: "sslrootcert", certificate: "sslcert", key: "sslkey" };

/// The parameters that are understood.
const PARAMETERS: [&str; 13] = [
    "host",
    "port",
    "user",
    "password",
    "dbname",
    "sslmode",
    "sslrootcert",
    "sslcert",
    "sslkey",
    "connect_timeout",
    "application_name",
    "options",
    "channel_binding",
];

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
        let (scheme, rest) = url.split_once("://").ok_or("it does not begin with `postgres://`")?;
        if !scheme.eq_ignore_ascii_case("postgres") && !scheme.eq_ignore_ascii_case("postgresql") {
            return Err("it does not begin with `postgres://`".to_owned());
        }
        let Parts { user, password, host, port, database, parameters } = Parts::read(rest)?;
        let mut address = Self {
            host,
            port: port.unwrap_or(DEFAULT_PORT),
            user,
            password,
            database,
            protection: Protection::new(NAMES),
            connect_timeout: DEFAULT_TIMEOUT,
            application_name: DEFAULT_NAME.to_owned(),
            options: None,
        };
        for (name, value) in parameters {
            address.set(&name, value, folder)?;
        }
        address.complete()
    }

    fn set(&mut self, name: &str, value: String, folder: &Path) -> Result<(), String> {
        let file = || Some(folder.join(&value));
        match name {
            "host" => self.host = value,
            "port" => self.port = port(&value)?,
            "user" => self.user = value,
            "password" => self.password = Some(value),
            "dbname" => self.database = value,
            "sslmode" => self.protection.mode = mode(&value)?,
            "sslrootcert" => self.protection.root = file(),
            "sslcert" => self.protection.certificate = file(),
            "sslkey" => self.protection.key = file(),
            "connect_timeout" => {
                let seconds: u64 = value.parse().map_err(|_| "`connect_timeout` is no number of seconds")?;
                // As PostgreSQL's programs do: 0 waits as long as it takes.
                self.connect_timeout = Duration::from_secs(if seconds == 0 { 3600 } else { seconds });
            }
            "application_name" => self.application_name = value,
            "options" => self.options = Some(value),
            "channel_binding" if value == "require" => {
                return Err("`channel_binding=require` is not supported: leave it out".to_owned());
            }
            "channel_binding" => {}
            other => return Err(unknown_parameter(other, &PARAMETERS)),
        }
        Ok(())
    }

    fn complete(mut self) -> Result<Self, String> {
        self.host = one_host(self.host)?;
        self.user = user_or(self.user, "postgres");
        if self.database.is_empty() {
            self.database.clone_from(&self.user);
        }
        self.protection.check()?;
        let texts = [&self.host, &self.user, &self.database, &self.application_name];
        check_texts(texts.into_iter().chain(&self.password).chain(&self.options))?;
        Ok(self)
    }

    /// Whether both lead the same account to the same database.
    pub fn is_same_database(&self, other: &Self) -> bool {
        self.user == other.user && self.is_same_place(other)
    }

    /// Whether both lead to the same database, by whatever account.
    pub fn is_same_place(&self, other: &Self) -> bool {
        let key = |address: &Self| {
            let Self { host, port, database, .. } = address;
            (host.to_lowercase(), *port, database.clone())
        };
        key(self) == key(other)
    }

    /// Whether it is a socket of this machine.
    pub(crate) fn is_local_socket(&self) -> bool {
        self.host.starts_with('/')
    }

    /// Where it is, for people.
    pub(crate) fn place(&self) -> String {
        let Self { host, port, database, .. } = self;
        match self.is_local_socket() {
            true => format!("{host}/.s.PGSQL.{port}/{database}"),
            false => format!("{host}:{port}/{database}"),
        }
    }
}

fn mode(text: &str) -> Result<Mode, String> {
    Ok(match text {
        "disable" => Mode::Disable,
        // What `allow` would send unencrypted, this sends encrypted.
        "allow" | "prefer" => Mode::Prefer,
        "require" => Mode::Require,
        "verify-ca" => Mode::VerifyAuthority,
        "verify-full" => Mode::VerifyFull,
        _ => {
            let known = "`disable`, `prefer`, `require`, `verify-ca`, `verify-full`";
            return Err(format!("its `sslmode` is none of {known}"));
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(url: &str) -> Address {
        Address::parse(url, Path::new("/project")).unwrap()
    }

    fn wrong(url: &str) -> String {
        Address::parse(url, Path::new("/project")).unwrap_err()
    }

    #[test]
    fn every_part_of_an_address_is_read() {
        let address = parsed(
            "postgresql://a%40b:p%3Aw@db.example:5433/orders?sslmode=verify-full&sslrootcert=ca.pem&connect_timeout=3",
        );
        assert_eq!(address.user, "a@b");
        assert_eq!(address.password.as_deref(), Some("p:w"));
        assert_eq!((address.host.as_str(), address.port), ("db.example", 5433));
        assert_eq!(address.database, "orders");
        assert_eq!(address.protection.mode, Mode::VerifyFull);
        assert_eq!(address.protection.root.as_deref(), Some(Path::new("/project/ca.pem")));
        assert_eq!(address.connect_timeout, Duration::from_secs(3));
    }

    #[test]
    fn what_is_not_said_has_a_default() {
        let address = parsed("postgres://ada@");
        assert_eq!((address.host.as_str(), address.port), ("localhost", 5432));
        assert_eq!(address.database, "ada");
        assert_eq!(address.protection.mode, Mode::Prefer);
    }

    #[test]
    fn sockets_of_this_machine_and_numeric_addresses_are_hosts_too() {
        assert!(parsed("postgres://ada@%2Frun%2Fpostgresql/orders").is_local_socket());
        assert!(parsed("postgres://ada@/orders?host=/run/postgresql").is_local_socket());
        assert_eq!(parsed("postgres://ada@[::1]:5433/x").host, "::1");
    }

    #[test]
    fn what_is_wrong_is_said_without_the_password() {
        for url in [
            "postgres://ada:sesame@host:port/x",
            "postgres://ada:sesame%zz@host/x",
            "postgres://ada:sesame@one,two/x",
            "postgres://ada:sesame@host/x?sslmode=maybe",
            "postgres://ada:sesame@host/x?pool=3",
            "postgres://ada:sesame@host/x?sslcert=c.pem",
        ] {
            let said = wrong(url);
            assert!(!said.contains("sesame") && said.len() > 20, "{said}");
        }
    }

    #[test]
    fn an_address_is_shown_without_its_password() {
        assert_eq!(format!("{:?}", parsed("postgres://ada:sesame@host/x")), "host:5432/x");
    }
}
