//! A call of a change, in the words of the semantic conventions for databases and HTTP.

use sandpiper::engine::calls::RecordedCall;

use super::meter::Tags;
use super::otlp::{KeyValue, Value, attribute};

/// What the convention says where it has no name for an error.
const OTHER: &str = "_OTHER";

/// More letters than any keyword has.
const LONGEST_KEYWORD: usize = 20;

/// A call, as far as the audit keeps it.
pub(super) struct Call<'a> {
    /// As the configuration names it.
    kind: &'static str,
    address: Option<&'a str>,
    call: &'a RecordedCall,
}

/// Where a system is.
#[derive(Debug, PartialEq, Eq)]
struct Peer<'a> {
    host: &'a str,
    port: Option<u64>,
    /// The database.
    namespace: Option<&'a str>,
}

impl<'a> Call<'a> {
    /// A call to a system of a kind; its address may hold what is masked.
    pub(super) fn of(kind: &'static str, address: Option<&'a str>, call: &'a RecordedCall) -> Self {
        Self { kind, address, call }
    }

    /// Whether it is one of a database.
    pub(super) fn is_statement(&self) -> bool {
        self.call.capability == "sql" && !self.opens()
    }

    /// Whether it is one of an API.
    pub(super) fn is_request(&self) -> bool {
        self.call.capability == "http" && !self.opens()
    }

    /// The handle of a further system was asked for; of its statement is the name.
    fn opens(&self) -> bool {
        self.call.operation == "open"
    }

    /// What its span is called: `INSERT orders-db`, `POST`.
    pub(super) fn name(&self, system: &str) -> String {
        match (self.method(), self.keyword()) {
            (Some(method), _) => method.to_owned(),
            (None, Some(keyword)) => format!("{keyword} {system}"),
            (None, None) => format!("{} {system}", self.call.operation),
        }
    }

    /// What is said of it; of a longer text only the beginning.
    pub(super) fn attributes(&self, longest: usize) -> Vec<KeyValue> {
        let call = self.call;
        let mut attributes = vec![
            attribute("sandpiper.call.number", call.number),
            attribute("sandpiper.call.operation", call.operation.as_str()),
        ];
        let mut says = |key: &str, value: Option<Value>| {
            attributes.extend(value.map(|value| attribute(key, value)));
        };
        let peer = self.peer();
        says("server.address", peer.as_ref().map(|peer| peer.host.into()));
        says("server.port", peer.as_ref().and_then(|peer| peer.port).map(Value::from));
        says("db.system.name", self.database().map(Value::from));
        says("db.namespace", peer.and_then(|peer| peer.namespace).map(Value::from));
        says("db.operation.name", self.keyword().map(Value::from));
        says("http.request.method", self.method().map(Value::from));
        says("http.response.status_code", call.status.map(|status| u64::from(status).into()));
        says("error.type", self.error().map(|(kind, _)| kind.into()));
        if self.is_statement() {
            says("db.query.text", Some(beginning(&call.statement, longest).into()));
            let rows =
                if call.operation == "next" { "db.response.returned_rows" } else { "sandpiper.call.rows" };
            says(rows, call.rows.map(Value::from));
        }
        says("url.full", self.url().map(|url| beginning(&url, longest).into()));
        attributes
    }

    /// What tells its duration from others.
    pub(super) fn tags(&self) -> Tags {
        let mut tags = Tags::new();
        tags.extend(self.database().map(|name| ("db.system.name", name.into())));
        tags.extend(self.keyword().map(|keyword| ("db.operation.name", keyword.as_str().into())));
        tags.extend(self.method().map(|method| ("http.request.method", method.into())));
        tags.extend(self.call.status.map(|status| ("http.response.status_code", u64::from(status).into())));
        if let Some(peer) = self.peer().filter(|_| self.is_request()) {
            tags.push(("server.address", peer.host.into()));
            tags.extend(peer.port.map(|port| ("server.port", port.into())));
        }
        tags.extend(self.error().map(|(kind, _)| ("error.type", kind.as_str().into())));
        tags
    }

    /// What went wrong: the convention's name for it, and why in words.
    pub(super) fn error(&self) -> Option<(String, String)> {
        match (&self.call.error, self.call.status) {
            (Some(why), _) => Some((OTHER.to_owned(), why.clone())),
            (None, Some(status)) if status >= 400 => Some((status.to_string(), String::new())),
            _ => None,
        }
    }

    /// The convention's name of the database.
    fn database(&self) -> Option<&'static str> {
        match self.kind {
            "postgres" => Some("postgresql"),
            "http" => None,
            kind => Some(kind),
        }
    }

    /// The first word of a statement; of a script, which may hold several, none.
    fn keyword(&self) -> Option<String> {
        let is_one = self.is_statement() && self.call.operation != "run-script";
        is_one.then(|| keyword(&self.call.statement)).flatten()
    }

    fn method(&self) -> Option<&str> {
        let (method, _) = self.call.statement.split_once(' ').filter(|_| self.is_request())?;
        Some(method)
    }

    fn url(&self) -> Option<String> {
        let (_, path) = self.call.statement.split_once(' ').filter(|_| self.is_request())?;
        let base = self.address.filter(|address| address.contains("://"))?;
        Some(format!("{}/{}", base.trim_end_matches('/'), path.trim_start_matches('/')))
    }

    fn peer(&self) -> Option<Peer<'_>> {
        peer(self.address?)
    }
}

/// Host, port and database of a URL; nothing of what is masked in it.
fn peer(url: &str) -> Option<Peer<'_>> {
    let is_shown = |text: &&str| !text.is_empty() && !text.contains(['*', ',', '%']);
    let (scheme, rest) = url.split_once("://")?;
    let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let (host, port) = match host.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => (host, port.parse().ok()),
        _ => (host, None),
    };
    let port = port.or(match scheme {
        "https" => Some(443),
        "http" => Some(80),
        _ => None,
    });
    let is_api = scheme.starts_with("http");
    let namespace = path.split(['?', '#']).next().and_then(|path| path.strip_prefix('/'));
    let namespace = namespace.filter(|name| !is_api && is_shown(name));
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    Some(Peer { host: Some(host).filter(is_shown)?, port, namespace })
}

/// The first word of a statement behind comments, if it begins with one.
fn keyword(statement: &str) -> Option<String> {
    let mut rest = statement.trim_start_matches(|it: char| it.is_whitespace() || it == '(');
    loop {
        let behind = if let Some(comment) = rest.strip_prefix("--") {
            comment.split_once('\n')?.1
        } else if let Some(comment) = rest.strip_prefix("/*") {
            comment.split_once("*/")?.1
        } else {
            break;
        };
        rest = behind.trim_start_matches(|it: char| it.is_whitespace() || it == '(');
    }
    let end = rest.find(|it: char| !it.is_ascii_alphabetic()).unwrap_or(rest.len());
    let word = rest.get(..end).filter(|word| (1..=LONGEST_KEYWORD).contains(&word.len()))?;
    Some(word.to_ascii_uppercase())
}

/// As many characters of a text.
pub(super) fn beginning(text: &str, longest: usize) -> &str {
    text.char_indices().nth(longest).and_then(|(end, _)| text.get(..end)).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recorded(capability: &str, operation: &str, statement: &str) -> RecordedCall {
        let [capability, operation, statement] = [capability, operation, statement].map(str::to_owned);
        RecordedCall { capability, operation, statement, number: 7, ..RecordedCall::default() }
    }

    fn said(call: &Call<'_>) -> Vec<String> {
        let of = |it: KeyValue| format!("{}={:?}", it.key, it.value.and_then(|it| it.value).unwrap());
        call.attributes(12).into_iter().map(of).collect()
    }

    #[test]
    fn a_statement_is_told_as_databases_are() {
        let recorded = RecordedCall {
            rows: Some(2),
            error: Some("no such table".to_owned()),
            ..recorded("sql", "execute", "/* x */ -- y\n insert into ü values (1)")
        };
        let call = Call::of("postgres", Some("postgres://me:***@db.example:5433/orders?x=1"), &recorded);
        assert_eq!(call.name("orders-db"), "INSERT orders-db");
        let said = said(&call).join(" ");
        for part in [
            "server.address=Text(\"db.example\") server.port=Integer(5433)",
            "db.system.name=Text(\"postgresql\") db.namespace=Text(\"orders\") db.operation.name=Text(\"INSERT\")",
            "error.type=Text(\"_OTHER\") db.query.text=Text(\"/* x */ -- y\") sandpiper.call.rows=Integer(2)",
        ] {
            assert!(said.contains(part), "{part} in {said}");
        }
    }

    #[test]
    fn a_request_is_told_as_those_of_http_are() {
        let recorded = RecordedCall { status: Some(404), ..recorded("http", "send", "GET /items/1?a=b") };
        let call = Call::of("http", Some("https://crm.example/api/"), &recorded);
        assert_eq!(call.name("crm"), "GET");
        assert_eq!(call.url().unwrap(), "https://crm.example/api/items/1?a=b");
        assert_eq!(call.error(), Some(("404".to_owned(), String::new())));
        assert_eq!(call.peer().unwrap(), Peer { host: "crm.example", port: Some(443), namespace: None });
        assert!(!said(&call).iter().any(|it| it.starts_with("db.")));
    }

    #[test]
    fn what_is_masked_is_no_address() {
        for masked in ["***", "postgres://me@***/orders", "mysql://***:3306/x", "postgres://a,b/x"] {
            assert_eq!(peer(masked), None, "{masked}");
        }
        assert_eq!(peer("http://[::1]:80/x").unwrap().host, "::1");
    }

    #[test]
    fn what_is_no_statement_has_no_keyword() {
        for (call, name) in [
            (recorded("sql", "open", "crm"), "open crm"),
            (recorded("sql", "run-script", "DROP TABLE a; DROP TABLE b"), "run-script crm"),
            (recorded("sql", "execute", "-- nothing"), "execute crm"),
            (recorded("sql", "execute", "***"), "execute crm"),
        ] {
            assert_eq!(Call::of("sqlite", None, &call).name("crm"), name);
        }
    }
}
