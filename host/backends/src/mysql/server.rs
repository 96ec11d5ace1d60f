//! What a server says of itself when it greets: which one it is, of which release, and what it can do.

use std::io;

use super::errors::Failure;
use super::wire::Parts;

/// Which of the two a server is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flavour {
    /// MySQL, and what calls itself so.
    MySql,
    /// MariaDB.
    MariaDb,
}

/// The releases from which on both have what is needed: writes that say which rows they lock, and a JSON that is read.
const OLDEST: [(Flavour, &str, Release); 2] =
    [(Flavour::MySql, "MySQL", (8, 0)), (Flavour::MariaDb, "MariaDB", (10, 6))];

/// The first two numbers of a version.
type Release = (u32, u32);

/// A server, as it greets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Server {
    pub(crate) flavour: Flavour,
    pub(crate) version: String,
    release: Release,
    /// The number of the connection.
    pub(crate) connection: u32,
    pub(crate) seed: Vec<u8>,
    pub(crate) capabilities: u64,
    /// The way to authenticate that it begins with.
    pub(crate) plugin: String,
}

/// What client and server agree to be able to do.
pub(crate) mod capability {
    /// A client that leaves it out may use the upper half for what only MariaDB has.
    pub(crate) const CLIENT_MYSQL: u64 = 1;
    pub(crate) const FOUND_ROWS: u64 = 1 << 1;
    pub(crate) const LONG_FLAG: u64 = 1 << 2;
    pub(crate) const CONNECT_WITH_DB: u64 = 1 << 3;
    pub(crate) const PROTOCOL_41: u64 = 1 << 9;
    pub(crate) const SSL: u64 = 1 << 11;
    pub(crate) const TRANSACTIONS: u64 = 1 << 13;
    pub(crate) const SECURE_CONNECTION: u64 = 1 << 15;
    pub(crate) const MULTI_STATEMENTS: u64 = 1 << 16;
    pub(crate) const MULTI_RESULTS: u64 = 1 << 17;
    pub(crate) const PS_MULTI_RESULTS: u64 = 1 << 18;
    pub(crate) const PLUGIN_AUTH: u64 = 1 << 19;
    pub(crate) const CONNECT_ATTRIBUTES: u64 = 1 << 20;
    pub(crate) const PLUGIN_AUTH_COUNTED: u64 = 1 << 21;
    /// The names of types that the protocol has no number for.
    pub(crate) const EXTENDED_METADATA: u64 = 1 << 35;
}

impl Server {
    /// Reads a greeting.
    pub(crate) fn read(mut packet: Parts) -> io::Result<Self> {
        let protocol = packet.u8()?;
        if protocol != 10 {
            let message = "what listens there is no MySQL or MariaDB server";
            return Err(io::Error::new(io::ErrorKind::InvalidData, message));
        }
        let said = String::from_utf8_lossy(&packet.until_zero()).into_owned();
        let connection = packet.u32()?;
        let mut seed = packet.bytes(8)?.to_vec();
        packet.u8()?;
        let low = packet.u16()?;
        packet.u8()?;
        packet.u16()?;
        let high = packet.u16()?;
        let mut capabilities = u64::from(low) | u64::from(high) << 16;
        let length = packet.u8()?;
        packet.bytes(6)?;
        let extended = packet.u32()?;
        if capabilities & capability::CLIENT_MYSQL == 0 {
            capabilities |= u64::from(extended) << 32;
        }
        let rest = usize::from(length.saturating_sub(8)).max(13);
        seed.extend_from_slice(&packet.bytes(rest)?);
        // A zero byte ends it.
        seed.truncate(20);
        let plugin = String::from_utf8_lossy(&packet.until_zero()).into_owned();
        let (flavour, version) = flavour(&said);
        Ok(Self { flavour, release: release(&version), version, connection, seed, capabilities, plugin })
    }

    pub(crate) fn can(&self, capability: u64) -> bool {
        self.capabilities & capability != 0
    }

    /// Which one it is, and which is needed, for people.
    pub(crate) fn described(&self) -> String {
        let name = match self.flavour {
            Flavour::MySql => "MySQL",
            Flavour::MariaDb => "MariaDB",
        };
        format!("{name} {}; {} is needed", self.version, needed())
    }

    /// Refuses a server that is too old.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        for (flavour, name, oldest) in OLDEST {
            if flavour == self.flavour && self.release < oldest {
                return Err(Failure::Version(format!(
                    "the server is {name} {}, which is too old: {} is needed",
                    self.version,
                    needed()
                )));
            }
        }
        Ok(())
    }
}

/// What is worked with.
fn needed() -> String {
    let needed = OLDEST.map(|(_, name, (major, minor))| format!("{name} {major}.{minor}"));
    format!("{} or newer", needed.join(" or "))
}

fn flavour(said: &str) -> (Flavour, String) {
    if !said.to_ascii_lowercase().contains("mariadb") {
        return (Flavour::MySql, said.to_owned());
    }
    // Older ones put another version before theirs, for replicas that read only its first digit.
    (Flavour::MariaDb, said.strip_prefix("5.5.5-").unwrap_or(said).to_owned())
}

fn release(version: &str) -> Release {
    let mut numbers = version.split(|c: char| !c.is_ascii_digit()).map(|text| text.parse().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(said: &str) -> Server {
        let (flavour, version) = flavour(said);
        let release = release(&version);
        Server {
            flavour,
            version,
            release,
            connection: 1,
            seed: Vec::new(),
            capabilities: 0,
            plugin: String::new(),
        }
    }

    #[test]
    fn a_server_is_known_by_what_it_says_and_one_that_is_too_old_is_refused() {
        for (said, flavour, good) in [
            ("8.0.36", Flavour::MySql, true),
            ("9.1.0-commercial", Flavour::MySql, true),
            ("5.7.44-log", Flavour::MySql, false),
            ("5.5.5-10.11.6-MariaDB-0+deb12u1", Flavour::MariaDb, true),
            ("5.5.5-10.5.23-MariaDB", Flavour::MariaDb, false),
            ("11.4.2-MariaDB", Flavour::MariaDb, true),
        ] {
            let server = server(said);
            assert_eq!((server.flavour, server.check().is_ok()), (flavour, good), "{said}");
        }
        let Err(Failure::Version(said)) = server("5.5.5-10.5.23-MariaDB").check() else { panic!() };
        assert_eq!(
            said,
            "the server is MariaDB 10.5.23-MariaDB, which is too old: MySQL 8.0 or MariaDB 10.6 or newer is needed"
        );
    }
}
