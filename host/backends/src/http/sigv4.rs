//! AWS Signature Version 4, in the `Authorization` header ("Create a signed AWS API request" of the IAM user guide).

use hyper::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use jiff::Timestamp;
use ring::{digest, hmac};

use super::auth::value;
use super::percent::{decode, encode, is_unreserved};

/// What requests are signed with.
#[derive(Clone, Copy)]
pub(crate) struct Signer<'a> {
    pub(crate) region: &'a str,
    pub(crate) service: &'a str,
    pub(crate) access_key: &'a str,
    pub(crate) secret_key: &'a str,
    pub(crate) session_token: Option<&'a str>,
}

/// What is signed of a request, besides its headers.
#[derive(Clone, Copy)]
pub(crate) struct Signed<'a> {
    pub(crate) method: &'a str,
    /// As the header `Host` says it.
    pub(crate) host: &'a str,
    /// Path and query, as [`strict`] writes them.
    pub(crate) target: &'a str,
    pub(crate) body: &'a [u8],
}

const DATE: HeaderName = HeaderName::from_static("x-amz-date");
const TOKEN: HeaderName = HeaderName::from_static("x-amz-security-token");
const CONTENT: HeaderName = HeaderName::from_static("x-amz-content-sha256");

/// Path and query with everything encoded that may be: then whoever checks a signature reads the same as we do, whether
/// he takes it as it came or encodes it again.
pub(crate) fn strict(target: &str) -> String {
    let (path, query) = target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
    let again = |part: &str| encode(&decode(part), is_unreserved);
    let mut strict = path.split('/').map(again).collect::<Vec<_>>().join("/");
    if let Some(query) = query {
        strict.push('?');
        strict.push_str(
            &pairs(query).map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&"),
        );
    }
    strict
}

/// The names and values of a query, encoded strictly.
fn pairs(query: &str) -> impl Iterator<Item = (String, String)> {
    let again = |part: &str| encode(&decode(part), is_unreserved);
    query.split('&').filter(|pair| !pair.is_empty()).map(move |pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (again(name), again(value))
    })
}

impl Signer<'_> {
    /// Signs a request: adds the headers that it needs. Gives the signature.
    ///
    /// # Errors
    ///
    /// Credentials that no header can hold.
    pub(crate) fn sign(
        &self,
        request: Signed<'_>,
        headers: &mut HeaderMap,
        now: Timestamp,
    ) -> Result<String, String> {
        let time = now.strftime("%Y%m%dT%H%M%SZ").to_string();
        let content = hex::encode(digest::digest(&digest::SHA256, request.body));
        let plain = |text: &str| HeaderValue::from_str(text).map_err(|error| error.to_string());
        headers.insert(DATE, plain(&time)?);
        if let Some(token) = self.session_token {
            headers.insert(TOKEN, value("session-token", token)?);
        }
        if self.is_s3() {
            headers.insert(CONTENT, plain(&content)?);
        }
        let (canonical, names) = self.canonical(request, headers, &content);
        let date = time.get(..8).unwrap_or_default();
        let scope = format!("{date}/{}/{}/aws4_request", self.region, self.service);
        let hashed = hex::encode(digest::digest(&digest::SHA256, canonical.as_bytes()));
        let to_sign = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{hashed}");
        let signature = hex::encode(keyed(&self.key(date), &to_sign));
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={names}, Signature={signature}",
            self.access_key
        );
        headers.insert(AUTHORIZATION, value("access-key", &authorization)?);
        Ok(signature)
    }

    /// S3 alone takes a path as it came.
    fn is_s3(&self) -> bool {
        self.service == "s3"
    }

    /// The request in the one form that is signed, and the names of the headers in it.
    fn canonical(&self, request: Signed<'_>, headers: &HeaderMap, content: &str) -> (String, String) {
        let (path, query) =
            request.target.split_once('?').map_or((request.target, ""), |(path, query)| (path, query));
        let path = if self.is_s3() {
            path.to_owned()
        } else {
            let segments = path.split('/').filter(|segment| !segment.is_empty());
            let encoded: String =
                segments.map(|segment| format!("/{}", encode(segment.as_bytes(), is_unreserved))).collect();
            if path.ends_with('/') { format!("{encoded}/") } else { encoded }
        };
        let mut sorted: Vec<(String, String)> = pairs(query).collect();
        sorted.sort();
        let query: Vec<_> = sorted.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let mut lines = vec![("host", request.host.to_owned())];
        for name in headers.keys() {
            let values = headers.get_all(name).iter().map(|value| {
                let text = String::from_utf8_lossy(value.as_bytes()).into_owned();
                text.split_ascii_whitespace().collect::<Vec<_>>().join(" ")
            });
            lines.push((name.as_str(), values.collect::<Vec<_>>().join(",")));
        }
        lines.sort();
        let names = lines.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(";");
        let lines: String = lines.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
        let canonical =
            format!("{}\n{path}\n{}\n{lines}\n{names}\n{content}", request.method, query.join("&"));
        (canonical, names)
    }

    fn key(&self, date: &str) -> Vec<u8> {
        let first = keyed(format!("AWS4{}", self.secret_key).as_bytes(), date);
        [self.region, self.service, "aws4_request"].iter().fold(first, |key, part| keyed(&key, part))
    }
}

fn keyed(key: &[u8], text: &str) -> Vec<u8> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key);
    hmac::sign(&key, text.as_bytes()).as_ref().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The published test suite of signature version 4.
    const SUITE: Signer<'static> = Signer {
        region: "us-east-1",
        service: "service",
        access_key: "AKIDEXAMPLE",
        secret_key: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
        session_token: None,
    };

    /// The examples of "Authenticating Requests: Using the Authorization Header" of the S3 API reference.
    const S3: Signer<'static> = Signer {
        region: "us-east-1",
        service: "s3",
        access_key: "AKIAIOSFODNN7EXAMPLE",
        secret_key: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        session_token: None,
    };

    fn signature(
        signer: Signer<'_>,
        at: &str,
        line: &str,
        host: &str,
        more: &[(&'static str, &str)],
        body: &[u8],
    ) -> String {
        let (method, target) = line.split_once(' ').unwrap();
        let target = strict(target);
        let mut headers = HeaderMap::new();
        for (name, value) in more {
            headers.append(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
        }
        let signed = Signed { method, host, target: &target, body };
        signer.sign(signed, &mut headers, at.parse().unwrap()).unwrap()
    }

    fn suite(line: &str, more: &[(&'static str, &str)]) -> String {
        signature(SUITE, "2015-08-30T12:36:00Z", line, "example.amazonaws.com", more, b"")
    }

    #[test]
    fn the_published_suite_is_signed_as_published() {
        assert_eq!(suite("GET /", &[]), "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31");
        assert_eq!(
            suite("GET /?Param2=value2&Param1=value1", &[]),
            "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"
        );
        assert_eq!(suite("POST /", &[]), "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b");
    }

    #[test]
    fn a_request_to_iam_is_signed_as_published() {
        let signer = Signer { service: "iam", ..SUITE };
        let form = [("content-type", "application/x-www-form-urlencoded; charset=utf-8")];
        let line = "GET /?Action=ListUsers&Version=2010-05-08";
        assert_eq!(
            signature(signer, "2015-08-30T12:36:00Z", line, "iam.amazonaws.com", &form, b""),
            "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"
        );
    }

    #[test]
    fn requests_to_s3_are_signed_as_published() {
        let host = "examplebucket.s3.amazonaws.com";
        let sign =
            |line, more: &[_], body: &[u8]| signature(S3, "2013-05-24T00:00:00Z", line, host, more, body);
        assert_eq!(
            sign("GET /test.txt", &[("range", "bytes=0-9")], b""),
            "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"
        );
        let put = [("date", "Fri, 24 May 2013 00:00:00 GMT"), ("x-amz-storage-class", "REDUCED_REDUNDANCY")];
        assert_eq!(
            sign("PUT /test$file.text", &put, b"Welcome to Amazon S3."),
            "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"
        );
        assert_eq!(
            sign("GET /?lifecycle", &[], b""),
            "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"
        );
        assert_eq!(
            sign("GET /?max-keys=2&prefix=J", &[], b""),
            "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"
        );
    }

    #[test]
    fn only_s3_takes_a_path_as_it_came() {
        let path = |signer: Signer<'_>| {
            let target = strict("/a b/c%2Bd:e//f/");
            let signed = Signed { method: "GET", host: "h", target: &target, body: b"" };
            let (canonical, _) = signer.canonical(signed, &HeaderMap::new(), "");
            canonical.lines().nth(1).unwrap().to_owned()
        };
        assert_eq!(path(S3), "/a%20b/c%2Bd%3Ae//f/");
        assert_eq!(path(SUITE), "/a%2520b/c%252Bd%253Ae/f/");
    }

    #[test]
    fn temporary_credentials_are_part_of_what_is_signed() {
        let mut headers = HeaderMap::new();
        let signer = Signer { session_token: Some("session"), ..SUITE };
        let signed = Signed { method: "GET", host: "h", target: "/", body: b"" };
        signer.sign(signed, &mut headers, Timestamp::UNIX_EPOCH).unwrap();
        let authorization = headers[AUTHORIZATION].to_str().unwrap();
        assert!(
            authorization.contains("SignedHeaders=host;x-amz-date;x-amz-security-token"),
            "{authorization}"
        );
        assert!(headers[AUTHORIZATION].is_sensitive());
    }
}
