//! OAuth 2.0, client credentials (RFC 6749, section 4.4): a token is asked for when the first request needs one, kept
//! for as long as it is good, and asked for anew once an API takes it no more.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::Full;
use hyper::Request;
use hyper::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST, HeaderName, HeaderValue};
use serde_json::Value;

use super::auth;
use super::connection::{Answer, Broken, Wire};
use super::exchange::Tell;
use super::percent::{encode, is_unreserved};

/// A token, as requests say it.
#[derive(Clone)]
pub(crate) struct Token {
    pub(crate) header: (HeaderName, HeaderValue),
    /// None: for as long as the API takes it.
    until: Option<Instant>,
}

/// Who asks, and for what.
#[derive(Clone, Copy)]
pub(crate) struct Client<'a> {
    pub(crate) token_url: &'a str,
    pub(crate) id: &'a str,
    pub(crate) secret: &'a str,
    pub(crate) scopes: &'a [String],
}

/// Bytes of the answer of a token server.
const MAX_ANSWER: usize = 1 << 20;

impl Token {
    /// Whether it is still good.
    pub(crate) fn is_good(&self) -> bool {
        self.until.is_none_or(|until| Instant::now() < until)
    }
}

impl Client<'_> {
    /// Asks for a token, which is told to `tell` before anybody else sees it.
    pub(crate) async fn token(&self, wire: &Wire, until: Instant, tell: &Tell) -> Result<Token, Broken> {
        // Nothing of the request itself was sent, whatever became of the one for its token.
        self.asked(wire, until, tell).await.map_err(|broken| match broken {
            Broken::NotSent(why) | Broken::NoAnswer(why) => {
                Broken::NotSent(format!("there is no token from `token-url`: {why}"))
            }
            Broken::Refused(why) | Broken::TooLong(why) => Broken::Refused(format!("`token-url`: {why}")),
        })
    }

    async fn asked(&self, wire: &Wire, until: Instant, tell: &Tell) -> Result<Token, Broken> {
        let mut answer = self.ask(wire, until, true).await?;
        // The standard's way first; some servers know only the other one.
        if matches!(answer.status, 400 | 401) {
            answer = self.ask(wire, until, false).await?;
        }
        let json: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        if answer.status != 200 {
            let error = json.get("error").and_then(Value::as_str).unwrap_or_default();
            let error: String = error.chars().filter(|c| !c.is_control()).take(100).collect();
            let said = format!("the server answered with {} {error}", answer.status);
            return Err(match answer.status {
                429 | 500.. => Broken::NotSent(said.trim_end().to_owned()),
                _ => Broken::Refused(format!("{}: check `client-id` and `client-secret`", said.trim_end())),
            });
        }
        let Some(token) = json.get("access_token").and_then(Value::as_str).filter(|token| !token.is_empty())
        else {
            return Err(Broken::Refused("the server's answer holds no `access_token`".to_owned()));
        };
        tell(token);
        let header = auth::bearer(token)
            .map_err(|_| Broken::Refused("the server's token is none that a header can hold".to_owned()))?;
        let seconds = json.get("expires_in").and_then(|it| it.as_u64().or_else(|| it.as_str()?.parse().ok()));
        let until = seconds.and_then(|seconds| {
            // A little earlier, so that it does not run out on its way.
            let early = (seconds / 10).min(30);
            Instant::now().checked_add(Duration::from_secs(seconds - early))
        });
        Ok(Token { header, until })
    }

    async fn ask(&self, wire: &Wire, until: Instant, in_header: bool) -> Result<Answer, Broken> {
        let (base, target) = auth::token_address(self.token_url).map_err(Broken::Refused)?;
        let mut form = "grant_type=client_credentials".to_owned();
        if !self.scopes.is_empty() {
            form.push_str(&format!("&scope={}", encode(self.scopes.join(" ").as_bytes(), is_unreserved)));
        }
        let mut request = Request::post(target)
            .header(HOST, base.authority())
            .header(ACCEPT, "application/json")
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        if in_header {
            let basic = auth::value("client-secret", &format!("Basic {}", basic(self.id, self.secret)));
            request = request.header(AUTHORIZATION, basic.map_err(Broken::Refused)?);
        } else {
            let [id, secret] = [self.id, self.secret].map(|text| encode(text.as_bytes(), is_unreserved));
            form.push_str(&format!("&client_id={id}&client_secret={secret}"));
        }
        let request =
            request.body(Full::new(Bytes::from(form))).map_err(|error| Broken::Refused(error.to_string()))?;
        wire.connect(&base).await?.exchange(request, MAX_ANSWER, until).await
    }
}

/// Who asks, as the header says it: both are encoded before they are joined (section 2.3.1).
pub(crate) fn basic(id: &str, secret: &str) -> String {
    let [id, secret] = [id, secret].map(|text| encode(text.as_bytes(), is_unreserved));
    auth::basic(&id, &secret)
}
