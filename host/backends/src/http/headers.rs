//! The headers that a guest may send, and those that are the host's alone.

use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use sandpiper_runtime::http::Header;

use super::auth::Auth;

/// Bytes of all headers of one request; servers take 8 KiB to 64 KiB.
const MAX_HEADERS: usize = 64 << 10;

/// What decides where a message goes, where it ends, or who sends it.
const HOSTS_OWN: [&str; 12] = [
    "authorization",
    "connection",
    "content-length",
    "expect",
    "host",
    "http2-settings",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "forwarded",
];

/// The same, by how the names begin. Some servers take the path or the host from such a header in place of the request.
const HOSTS_OWN_PREFIXES: [&str; 4] = ["proxy-", "x-forwarded-", "x-original-", "x-rewrite-"];

/// What makes another method of GET.
const METHODS: [&str; 3] = ["x-http-method", "x-http-method-override", "x-method-override"];

/// What a signature is made with.
const SIGNATURE: [&str; 3] = ["x-amz-content-sha256", "x-amz-date", "x-amz-security-token"];

/// The headers of a guest's request, as they are sent.
///
/// # Errors
///
/// One that is no header, or that the host alone decides about. A value is not repeated.
pub(crate) fn of_guest(
    headers: &[Header],
    auth: Option<&Auth>,
    reads_only: bool,
) -> Result<HeaderMap, String> {
    let mut map = HeaderMap::new();
    let mut bytes = 0;
    for Header { name, value } in headers {
        let shown: String = name.escape_default().take(100).collect();
        let parsed = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| format!("`{shown}` is no name of a header"))?;
        let lower = parsed.as_str();
        if let Some(Auth::Header { name, .. }) = auth
            && name.eq_ignore_ascii_case(lower)
        {
            return Err(format!("the header `{shown}` holds our credentials, and is the host's alone"));
        }
        let is_signed = matches!(auth, Some(Auth::SigV4 { .. })) && SIGNATURE.contains(&lower);
        let is_hosts = HOSTS_OWN.contains(&lower)
            || HOSTS_OWN_PREFIXES.iter().any(|prefix| lower.starts_with(prefix))
            || is_signed;
        if is_hosts {
            return Err(format!("the header `{shown}` is the host's alone"));
        }
        if reads_only && METHODS.contains(&lower) {
            return Err(format!(
                "the header `{shown}` makes another method of GET, and this system is read-only here"
            ));
        }
        let value_sent = HeaderValue::from_bytes(value.as_bytes()).map_err(|_| {
            format!("the value of the header `{shown}` holds a line end or a control character")
        })?;
        bytes += name.len() + value.len();
        if bytes > MAX_HEADERS {
            return Err(format!("the headers are longer than {MAX_HEADERS} bytes"));
        }
        map.try_append(parsed, value_sent).map_err(|_| "there are too many headers".to_owned())?;
    }
    Ok(map)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(name: &str, value: &str, auth: Option<&Auth>, reads_only: bool) -> Result<HeaderMap, String> {
        of_guest(&[Header { name: name.to_owned(), value: value.to_owned() }], auth, reads_only)
    }

    #[test]
    fn what_decides_about_the_message_is_the_hosts_alone() {
        for name in [
            "Host",
            "AUTHORIZATION",
            "Proxy-Authorization",
            "Proxy-Connection",
            "Connection",
            "Keep-Alive",
            "TE",
            "Trailer",
            "Transfer-Encoding",
            "Upgrade",
            "Content-Length",
            "Expect",
            "Forwarded",
            "X-Forwarded-Host",
            "X-Original-URL",
            "X-Rewrite-URL",
            "",
            "a b",
            "a:b",
            "a\r\nHost",
            "\u{fc}",
        ] {
            assert!(sent(name, "x", None, false).is_err(), "{name}");
        }
        for name in ["Accept", "Content-Type", "Idempotency-Key", "X-Amz-Target", "If-Match", "Cookie"] {
            assert!(sent(name, "x", None, false).is_ok(), "{name}");
        }
    }

    #[test]
    fn the_header_of_our_credentials_cannot_be_replaced() {
        let auth = Auth::Header { name: "X-Api-Key".to_owned(), value: "secret1".to_owned() };
        assert!(sent("x-api-key", "mine", Some(&auth), false).is_err());
        assert!(sent("x-api-key", "mine", None, false).is_ok());
    }

    #[test]
    fn a_value_holds_no_line_end_and_is_not_repeated_in_the_error() {
        let error = sent("X-A", "secret1\r\nHost: evil.example", None, false).unwrap_err();
        assert!(!error.contains("secret1"));
        assert!(sent("X-A", "\u{fc}", None, false).is_ok());
        assert!(sent("X-A", &"x".repeat(70_000), None, false).is_err());
    }

    #[test]
    fn a_method_cannot_be_smuggled_past_reading() {
        assert!(sent("X-HTTP-Method-Override", "DELETE", None, true).is_err());
        assert!(sent("X-HTTP-Method-Override", "PATCH", None, false).is_ok());
    }
}
