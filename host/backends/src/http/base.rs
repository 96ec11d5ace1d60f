//! The base URL of an API, and the paths below it: whatever a guest writes, a request cannot leave it.

use std::fmt;
use std::net::Ipv6Addr;

use super::percent;

/// Where an API is: what the paths of requests are below.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseUrl {
    /// Whether connections are encrypted: `https`.
    is_encrypted: bool,
    /// A name, or an address without brackets.
    host: String,
    port: u16,
    /// Begins and ends with `/`.
    path: String,
}

/// More than any server takes in one request line.
const MAX_PATH: usize = 16 << 10;

/// How often something may be encoded over again; what is more is refused.
const MAX_LAYERS: usize = 8;

impl BaseUrl {
    /// Reads `https://host:port/path/`.
    ///
    /// # Errors
    ///
    /// What is wrong with it, for whoever wrote it. The text itself is not repeated.
    pub fn parse(text: &str) -> Result<Self, String> {
        let Some((scheme, rest)) = text.split_once("://") else {
            return Err("it has no scheme: write `https://host/path/`".to_owned());
        };
        let is_encrypted = match scheme.to_ascii_lowercase().as_str() {
            "https" => true,
            "http" => false,
            _ => return Err("its scheme is neither `https` nor `http`".to_owned()),
        };
        let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        if authority.contains('@') {
            return Err("it holds a user: write who we are under `auth`".to_owned());
        }
        if path.contains(['?', '#']) {
            return Err("it has a query or a fragment: a base URL ends with its path".to_owned());
        }
        let (host, port) = host_and_port(authority)?;
        let port = port.unwrap_or(if is_encrypted { 443 } else { 80 });
        let mut path = format!("/{}", below(path)?);
        if !path.ends_with('/') {
            path.push('/');
        }
        Ok(Self { is_encrypted, host, port, path })
    }

    /// Reads an address that may end with a query: the folder of its path as a base URL, and path and query as they are
    /// sent.
    pub(crate) fn with_target(url: &str) -> Result<(Self, String), String> {
        let (address, query) = match url.split_once('?') {
            Some((address, query)) => (address, Some(query)),
            None => (url, None),
        };
        let scheme = address.find("://").map_or(0, |at| at + 3);
        let slash = address.get(scheme..).and_then(|rest| rest.rfind('/')).map(|at| scheme + at);
        let (folder, last) = slash.map_or((address, ""), |at| address.split_at(at));
        let base = Self::parse(folder)?;
        let last = last.strip_prefix('/').unwrap_or(last);
        let path = query.map_or_else(|| last.to_owned(), |query| format!("{last}?{query}"));
        let target = base.join(&path, &[])?;
        Ok((base, target))
    }

    /// The path and query of a request below it, as they are sent. A path may begin with one `/`, which is that of the
    /// base URL; names and values of `query` are encoded here.
    ///
    /// # Errors
    ///
    /// The path would leave the base URL, or might on a server that reads it in another way: dots, slashes and
    /// backslashes that are encoded (however often), another host, a fragment, control characters.
    pub fn join(&self, path: &str, query: &[(String, String)]) -> Result<String, String> {
        let (path, given) = match path.split_once('?') {
            Some((path, given)) => (path, Some(given)),
            None => (path, None),
        };
        let mut joined = format!("{}{}", self.path, below(path)?);
        let mut separator = '?';
        if let Some(given) = given {
            check_text(given)?;
            joined.push(separator);
            joined.push_str(&percent::encode_rest(given, percent::is_query));
            separator = '&';
        }
        for (name, value) in query {
            joined.push(separator);
            joined.push_str(&percent::encode(name.as_bytes(), percent::is_unreserved));
            joined.push('=');
            joined.push_str(&percent::encode(value.as_bytes(), percent::is_unreserved));
            separator = '&';
        }
        if joined.len() > MAX_PATH {
            return Err(format!("path and query are longer than {MAX_PATH} bytes"));
        }
        Ok(joined)
    }

    /// The path below it that a redirect leads to from a request's path; none when that is outside of it.
    pub(crate) fn redirected(&self, from: &str, location: &str) -> Option<String> {
        let absolute = location.split_once("://");
        let path = match absolute {
            Some((scheme, rest)) => {
                let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
                let same_scheme =
                    scheme.eq_ignore_ascii_case(if self.is_encrypted { "https" } else { "http" });
                let (host, port) = host_and_port(authority).ok()?;
                let port = port.unwrap_or(if self.is_encrypted { 443 } else { 80 });
                let is_same = same_scheme && host == self.host && port == self.port;
                is_same.then(|| path.to_owned())?
            }
            None if location.starts_with("//") => return None,
            None if location.starts_with('/') => location.to_owned(),
            None => {
                let path = from.split('?').next().unwrap_or_default();
                let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
                format!("{folder}/{location}")
            }
        };
        let path = path.split('#').next().unwrap_or_default();
        self.join(path.strip_prefix(self.path.as_str())?, &[]).ok()
    }

    /// Whether connections are encrypted.
    pub(crate) fn is_encrypted(&self) -> bool {
        self.is_encrypted
    }

    /// The name or address that is connected to.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    /// The port that is connected to.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// What the header `Host` says: the port only where it is not the scheme's own.
    pub(crate) fn authority(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        match (self.is_encrypted, self.port) {
            (true, 443) | (false, 80) => host,
            (_, port) => format!("{host}:{port}"),
        }
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.is_encrypted { "https" } else { "http" };
        write!(f, "{scheme}://{}{}", self.authority(), self.path)
    }
}

fn host_and_port(authority: &str) -> Result<(String, Option<u16>), String> {
    let (host, port) = if let Some(rest) = authority.strip_prefix('[') {
        let (address, after) = rest.split_once(']').ok_or("its address has no `]`")?;
        let address: Ipv6Addr = address.parse().map_err(|_| "its address is no IPv6 address")?;
        let port = match after.strip_prefix(':') {
            Some(port) => Some(port),
            None if after.is_empty() => None,
            None => return Err("something stands between its address and its port".to_owned()),
        };
        (address.to_string(), port)
    } else {
        match authority.split_once(':') {
            Some((host, port)) => (host.to_ascii_lowercase(), Some(port)),
            None => (authority.to_ascii_lowercase(), None),
        }
    };
    if host.is_empty() {
        return Err("it has no host".to_owned());
    }
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    if !host.contains(':') && !host.bytes().all(is_name) {
        return Err("its host is no name: letters, digits, `-` and `.`".to_owned());
    }
    let port = match port {
        None | Some("") => None,
        Some(port) => match port.parse::<u16>() {
            Ok(number) if number > 0 && port.bytes().all(|byte| byte.is_ascii_digit()) => Some(number),
            _ => return Err("its port is no number from 1 to 65535".to_owned()),
        },
    };
    Ok((host, port))
}

/// A path without its first `/`, encoded; refused when anybody could take it for one that leads elsewhere.
fn below(path: &str) -> Result<String, String> {
    check_text(path)?;
    if path.starts_with("//") {
        return Err("a path that begins with `//` names another host".to_owned());
    }
    let path = path.strip_prefix('/').unwrap_or(path);
    if path.starts_with(['@', ':']) {
        return Err("a path may not begin with `@` or `:`".to_owned());
    }
    let first = path.split('/').next().unwrap_or_default();
    let scheme = first.split_once(':').map(|(scheme, after)| (scheme.to_ascii_lowercase(), after));
    let is_absolute = |(scheme, after): &(String, &str)| {
        after.is_empty() && path.len() > first.len()
            || matches!(scheme.as_str(), "http" | "https" | "ws" | "wss" | "ftp" | "file")
    };
    if scheme.as_ref().is_some_and(is_absolute) {
        return Err("the path is a URL of its own: write what stands below the base URL".to_owned());
    }
    path.split('/').try_for_each(check_segment)?;
    Ok(path
        .split('/')
        .map(|segment| percent::encode_rest(segment, percent::is_segment))
        .collect::<Vec<_>>()
        .join("/"))
}

/// What may stand in no part of a URL, encoded or not.
fn check_text(text: &str) -> Result<(), String> {
    if text.len() > MAX_PATH {
        return Err(format!("path and query are longer than {MAX_PATH} bytes"));
    }
    if text.chars().any(char::is_control) {
        return Err("the path holds a control character".to_owned());
    }
    if text.contains('#') {
        return Err(
            "the path holds a `#`: a request has no fragment, and the character is written `%23`".to_owned()
        );
    }
    Ok(())
}

/// Looks at a segment as it stands, and at what it is once it was decoded, as often as somebody may do that.
fn check_segment(segment: &str) -> Result<(), String> {
    if !percent::is_well_formed(segment) {
        return Err("a `%` of the path begins no escape: the character itself is written `%25`".to_owned());
    }
    let mut text = segment.to_owned();
    for _ in 0..MAX_LAYERS {
        // Some servers cut off parameters before they look, others blanks.
        let name = text.split(';').next().unwrap_or_default().trim();
        if matches!(name, "." | "..") {
            return Err("the path holds a `.` or `..`, and would leave the base URL".to_owned());
        }
        if text.contains(['/', '\\']) {
            return Err(
                "the path holds a backslash or an encoded slash, and might leave the base URL".to_owned()
            );
        }
        if text.chars().any(char::is_control) {
            return Err("the path holds an encoded control character".to_owned());
        }
        let decoded = percent::decode(&text);
        if decoded == text.as_bytes() {
            return Ok(());
        }
        text = String::from_utf8(decoded).map_err(|_| "an escape of the path is not UTF-8")?;
    }
    Err("the path is encoded over and over".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn base(text: &str) -> BaseUrl {
        BaseUrl::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    fn joined(path: &str) -> Result<String, String> {
        base("https://api.example/v1").join(path, &[])
    }

    #[test]
    fn paths_are_below_the_base_url() {
        for (path, expected) in [
            ("items", "/v1/items"),
            ("/items", "/v1/items"),
            ("", "/v1/"),
            ("items/", "/v1/items/"),
            ("items/a b/\u{fc}", "/v1/items/a%20b/%C3%BC"),
            ("items/100%25", "/v1/items/100%25"),
            ("users/@me", "/v1/users/@me"),
            ("documents:batchGet", "/v1/documents:batchGet"),
            ("items/urn:isbn:1/..x/...", "/v1/items/urn:isbn:1/..x/..."),
            ("file%2ejson", "/v1/file%2ejson"),
            ("items?a=b c&d=%26", "/v1/items?a=b%20c&d=%26"),
        ] {
            assert_eq!(joined(path).as_deref(), Ok(expected), "{path}");
        }
    }

    #[test]
    fn names_and_values_of_a_query_are_encoded() {
        let query = [("q".to_owned(), "a b&c=d#\r\n".to_owned()), ("\u{fc}".to_owned(), String::new())];
        let api = base("http://h");
        assert_eq!(api.join("i", &query).unwrap(), "/i?q=a%20b%26c%3Dd%23%0D%0A&%C3%BC=");
        assert_eq!(api.join("i?x", &query[1..]).unwrap(), "/i?x&%C3%BC=");
    }

    #[test]
    fn nothing_leaves_the_base_url() {
        for path in [
            "..",
            "../x",
            "a/../../x",
            "a/..",
            "./a",
            ".",
            "..;/x",
            "..;a=b/x",
            ".. /x",
            "%2e%2e/x",
            "%2E%2e/x",
            ".%2e/x",
            "%252e%252e/x",
            "%25252e%25252e/x",
            "..%2fx",
            "..%2Fx",
            "a%2fb",
            "%2f%2fevil.example",
            "%252fx",
            "..%5cx",
            "a\\b",
            "\\\\evil.example\\x",
            "//evil.example/x",
            "///evil.example/x",
            "http://evil.example/x",
            "https:/evil.example",
            "HTTP:evil.example",
            "gopher://evil.example",
            "@evil.example/x",
            ":80@evil.example/x",
            ":8080/x",
            "a\r\nHost: evil.example",
            "a\nb",
            "a\0b",
            "a%00b",
            "a%0d%0ab",
            "a%250ab",
            "a#b",
            "items?a=b#c",
            "items?a\r\nb",
            "a\tb",
            "%c0%ae%c0%ae/x",
            "100%",
            "%zz",
            "a/%2e",
            "a/%2e%2e%3bx/b",
        ] {
            assert!(joined(path).is_err(), "{path:?} became {:?}", joined(path));
        }
        assert!(joined(&"a/".repeat(20_000)).is_err());
    }

    /// Whatever is put together of what is dangerous, and however often somebody decodes it.
    #[test]
    fn no_mixture_leaves_the_base_url() {
        const PARTS: [&str; 17] = [
            "..", ".", "/", "\\", "%2e", "%2F", "%25", "2e", "2f", "%5c", "a", ";", "@", ":", "http:", "?",
            " ",
        ];
        let api = base("https://api.example/v1/");
        let mut taken = 0;
        for number in 0..PARTS.len().pow(4) {
            let digits = (0..4).map(|place| number / PARTS.len().pow(place) % PARTS.len());
            let path: String = digits.map(|digit| PARTS[digit]).collect();
            let Ok(joined) = api.join(&path, &[]) else { continue };
            taken += 1;
            let mut text = joined.split('?').next().unwrap().to_owned();
            let slashes = text.matches('/').count();
            for _ in 0..12 {
                assert!(text.starts_with("/v1/") && !text.starts_with("/v1//"), "{path:?} became {joined:?}");
                assert!(
                    !text.split(['/', '\\']).any(|segment| matches!(segment, "." | "..")),
                    "{path:?}: {joined:?}"
                );
                assert_eq!(text.matches('/').count(), slashes, "{path:?} became {joined:?}");
                text = String::from_utf8(percent::decode(&text)).unwrap();
            }
        }
        assert!(taken > 1_000, "{taken} paths are none of the dangerous ones");
    }

    #[test]
    fn a_base_url_names_scheme_host_and_path() {
        for (text, expected) in [
            ("https://api.example", "https://api.example/"),
            ("HTTPS://API.example:443/v1", "https://api.example/v1/"),
            ("http://127.0.0.1:8080/a b/", "http://127.0.0.1:8080/a%20b/"),
            ("http://[::1]:8080", "http://[::1]:8080/"),
        ] {
            assert_eq!(base(text).to_string(), expected);
        }
        for text in [
            "",
            "api.example",
            "ftp://api.example",
            "https://",
            "https:///x",
            "https://me:secret1@api.example/",
            "https://api.example/?a",
            "https://api.example/#a",
            "https://api.example/../x",
            "https://a b/",
            "https://api.example:0/",
            "https://api.example:99999/",
            "https://api.example:+80/",
            "https://[::1/",
            "https://\u{fc}.example/",
            "https://api.example\\@evil.example/",
        ] {
            let error = BaseUrl::parse(text).expect_err(text);
            assert!(!error.contains("secret1"), "{error}");
        }
    }

    #[test]
    fn a_redirect_stays_within_the_base_url_or_is_none() {
        let api = base("https://api.example/v1/");
        for (location, expected) in [
            ("/v1/other", Some("/v1/other")),
            ("other?x=1#part", Some("/v1/items/other?x=1")),
            ("https://api.example/v1/x", Some("/v1/x")),
            ("https://API.example:443/v1/x", Some("/v1/x")),
            ("https://api.example:8443/v1/x", None),
            ("http://api.example/v1/x", None),
            ("https://evil.example/v1/x", None),
            ("https://api.example@evil.example/v1/x", None),
            ("//evil.example/v1/x", None),
            ("/v2/x", None),
            ("/v1/../v2", None),
            ("../../v2", None),
        ] {
            assert_eq!(api.redirected("/v1/items/1?a", location).as_deref(), expected, "{location}");
        }
    }
}
