//! The parts of an address that all servers have: hosts, ports and percent escapes.

/// `host`, `host:port`, `[::1]:port`.
fn host_and_port(place: &str) -> Result<(&str, Option<u16>), String> {
    if let Some(rest) = place.strip_prefix('[') {
        let (host, rest) = rest.split_once(']').ok_or("its host has a `[` without `]`")?;
        let port = rest.strip_prefix(':').map(port).transpose()?;
        return Ok((host, port));
    }
    match place.rsplit_once(':') {
        Some((host, "")) => Ok((host, None)),
        Some((host, number)) => Ok((host, Some(port(number)?))),
        None => Ok((place, None)),
    }
}

/// The number of a port.
pub(crate) fn port(text: &str) -> Result<u16, String> {
    let port = text.parse().ok().filter(|port| *port != 0);
    port.ok_or_else(|| "its port is no number from 1 to 65535".to_owned())
}

/// A part of an address without its percent escapes.
fn decoded(text: &str) -> Result<String, String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digit = |byte: Option<u8>| byte.and_then(|byte| char::from(byte).to_digit(16));
        let (Some(high), Some(low)) = (digit(rest.next()), digit(rest.next())) else {
            return Err(
                "it has a `%` that two hexadecimal digits do not follow: write `%25` for a `%`".to_owned()
            );
        };
        bytes.push(u8::try_from(high * 16 + low).unwrap_or_default());
    }
    String::from_utf8(bytes).map_err(|_| "its percent escapes are no UTF-8".to_owned())
}

/// What stands behind the scheme of an address: `user:password@host:port/database?name=value&..#..`, decoded.
pub(crate) struct Parts {
    pub(crate) user: String,
    pub(crate) password: Option<String>,
    pub(crate) host: String,
    pub(crate) port: Option<u16>,
    pub(crate) database: String,
    /// The parameters, in their order.
    pub(crate) parameters: Vec<(String, String)>,
}

impl Parts {
    pub(crate) fn read(rest: &str) -> Result<Self, String> {
        let rest = rest.split_once('#').map_or(rest, |(rest, _)| rest);
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, database) = rest.split_once('/').unwrap_or((rest, ""));
        let (credentials, place) = match authority.rsplit_once('@') {
            Some((credentials, place)) => (credentials, place),
            None => ("", authority),
        };
        let (user, password) = match credentials.split_once(':') {
            Some((user, password)) => (user, Some(decoded(password)?)),
            None => (credentials, None),
        };
        let (host, port) = host_and_port(place)?;
        let mut parameters = Vec::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            parameters.push((decoded(name)?, decoded(value)?));
        }
        let (host, user, database) = (decoded(host)?, decoded(user)?, decoded(database)?);
        Ok(Self { user, password, host, port, database, parameters })
    }
}

/// What is said of a parameter that nobody knows.
pub(crate) fn unknown_parameter(name: &str, known: &[&str]) -> String {
    let known: Vec<String> = known.iter().map(|name| format!("`{name}`")).collect();
    format!("it has the parameter `{name}`, which is none of {}", known.join(", "))
}

/// The one host that is named; this machine, where none is.
pub(crate) fn one_host(host: String) -> Result<String, String> {
    match host {
        host if host.contains(',') => {
            Err("it names more than one host: name the one that takes writes".to_owned())
        }
        host if host.is_empty() => Ok("localhost".to_owned()),
        host => Ok(host),
    }
}

/// The user who is named; whoever is logged in, where none is, as the servers' own programs do; and their first account,
/// where nobody is.
pub(crate) fn user_or(user: String, first: &str) -> String {
    if !user.is_empty() {
        return user;
    }
    std::env::var("USER").ok().filter(|user| !user.is_empty()).unwrap_or_else(|| first.to_owned())
}

/// Fails where a part holds what no server takes.
pub(crate) fn check_texts<'a>(texts: impl IntoIterator<Item = &'a String>) -> Result<(), String> {
    match texts.into_iter().any(|text| text.contains('\0')) {
        true => Err("it holds the character `\\0`".to_owned()),
        false => Ok(()),
    }
}
