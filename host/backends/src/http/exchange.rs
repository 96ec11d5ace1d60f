//! From a request to its answer: credentials, repetition of what may be repeated, redirects below the base URL.

use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{HOST, HeaderMap, HeaderValue, LOCATION, USER_AGENT};
use hyper::{Method, Request};
use jiff::Timestamp;
use tokio::sync::Mutex;

use super::auth::Auth;
use super::base::BaseUrl;
use super::connection::{Answer, Broken, Connection, Wire};
use super::oauth2::{Client, Token};
use super::settings::Settings;
use super::sigv4::{self, Signed, Signer};
use super::{redirect, retry};

/// Is told what must be shown to nobody.
pub(crate) type Tell = dyn Fn(&str) + Send + Sync;

/// An API, and how it is spoken to.
pub(crate) struct Api {
    pub(crate) base: BaseUrl,
    pub(crate) auth: Option<Auth>,
    pub(crate) settings: Settings,
    pub(crate) wire: Wire,
    /// How long a request may take where nobody says so.
    pub(crate) deadline: Duration,
    pub(crate) tell: Box<Tell>,
    pub(crate) token: Mutex<Option<Token>>,
}

/// A request that was looked at.
pub(crate) struct Prepared {
    pub(crate) method: Method,
    /// Path and query.
    pub(crate) target: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Option<Bytes>,
    pub(crate) max_body: usize,
    pub(crate) timeout: Duration,
    /// Whether it does no more when it is sent twice.
    pub(crate) may_repeat: bool,
}

/// One try, and how it was authorised.
struct Tried {
    answer: Result<Answer, Broken>,
    token: Option<HeaderValue>,
}

impl Api {
    /// Sends a request, over the connection that is kept where it is still good.
    pub(crate) async fn send(
        &self,
        kept: &mut Option<Connection>,
        request: &Prepared,
    ) -> Result<Answer, Broken> {
        let now = Instant::now();
        let until = now.checked_add(request.timeout).unwrap_or(now + Duration::from_secs(86_400));
        let mut target = request.target.clone();
        let (mut repetition, mut redirects, mut is_renewed, mut was_sent) = (0, 0, false, false);
        loop {
            let Tried { answer, token } = self.once(kept, request, &target, until).await;
            let wait = match &answer {
                Ok(answer) if answer.status == 401 && token.is_some() && !is_renewed => {
                    is_renewed = true;
                    self.forget(token).await;
                    continue;
                }
                Ok(answer) => {
                    if let Some(next) = self.redirected(request, &target, answer, redirects) {
                        (target, redirects) = (next, redirects + 1);
                        continue;
                    }
                    let again = request.may_repeat && retry::is_for_now(answer.status);
                    again.then(|| retry::wait(repetition, Some(&answer.headers))).flatten()
                }
                Err(Broken::NotSent(_)) => retry::wait(repetition, None),
                Err(Broken::NoAnswer(_)) if request.may_repeat => retry::wait(repetition, None),
                Err(_) => None,
            };
            was_sent |= !matches!(answer, Err(Broken::NotSent(_) | Broken::Refused(_)));
            let wait =
                wait.filter(|wait| repetition < self.settings.retries && Instant::now() + *wait < until);
            match (wait, answer) {
                (Some(wait), _) => tokio::time::sleep(wait).await,
                // An earlier one of them was sent.
                (None, Err(Broken::NotSent(why) | Broken::Refused(why))) if was_sent => {
                    return Err(Broken::NoAnswer(why));
                }
                (None, answer) => return answer,
            }
            repetition += 1;
        }
    }

    fn redirected(&self, request: &Prepared, target: &str, answer: &Answer, before: u32) -> Option<String> {
        let may = self.settings.follows_redirects && matches!(request.method, Method::GET | Method::HEAD);
        if !may || before >= redirect::MOST || !redirect::is_one(answer.status) {
            return None;
        }
        let location = answer.headers.get(LOCATION)?.to_str().ok()?;
        self.base.redirected(target, location)
    }

    /// Sends it once; a kept connection that turns out to be closed counts for nothing.
    async fn once(
        &self,
        kept: &mut Option<Connection>,
        request: &Prepared,
        target: &str,
        until: Instant,
    ) -> Tried {
        let mut token = None;
        let (made, signature) = match self.made(request, target, until, &mut token).await {
            Ok(made) => made,
            Err(broken) => return Tried { answer: Err(broken), token: None },
        };
        let mut reused = kept.take().filter(|connection| connection.is_good_for(request.may_repeat));
        let answer = loop {
            let was_reused = reused.is_some();
            let connected = match reused.take() {
                Some(connection) => Ok(connection),
                None => match tokio::time::timeout_at(until.into(), self.wire.connect(&self.base)).await {
                    Ok(connected) => connected,
                    Err(_) => Err(Broken::NotSent("its time was over".to_owned())),
                },
            };
            let mut connection = match connected {
                Ok(connection) => connection,
                Err(broken) => break Err(broken),
            };
            match connection.exchange(made.clone(), request.max_body, until).await {
                Err(Broken::NotSent(_)) if was_reused => {}
                Ok(answer) => {
                    *kept = Some(connection);
                    break Ok(answer);
                }
                broken => break broken,
            }
        };
        if let (Some(signature), Ok(answer)) = (&signature, &answer)
            && repeats(answer, signature)
        {
            (self.tell)(signature);
        }
        Tried { answer, token }
    }

    /// The request with all that it is sent with, and its signature.
    async fn made(
        &self,
        request: &Prepared,
        target: &str,
        until: Instant,
        token: &mut Option<HeaderValue>,
    ) -> Result<(Request<Full<Bytes>>, Option<String>), Broken> {
        let mut headers = request.headers.clone();
        let mut target = target.to_owned();
        let body = request.body.clone().unwrap_or_default();
        let mut signature = None;
        match &self.auth {
            None => {}
            Some(Auth::OAuth2 { token_url, client_id, client_secret, scopes }) => {
                let client = Client { token_url, id: client_id, secret: client_secret, scopes };
                let (name, value) = self.token(client, until).await?;
                *token = Some(value.clone());
                headers.insert(name, value);
            }
            Some(Auth::SigV4 { region, service, access_key, secret_key, session_token }) => {
                let session_token = session_token.as_deref();
                let signer = Signer { region, service, access_key, secret_key, session_token };
                target = sigv4::strict(&target);
                let (host, method) = (self.base.authority(), request.method.as_str());
                let signed = Signed { method, host: &host, target: &target, body: &body };
                let now = Timestamp::try_from(SystemTime::now()).unwrap_or_default();
                signature = Some(signer.sign(signed, &mut headers, now).map_err(Broken::Refused)?);
            }
            Some(auth) => {
                if let Some((name, value)) = auth.header().map_err(Broken::Refused)? {
                    headers.insert(name, value);
                }
            }
        }
        let host = HeaderValue::from_str(&self.base.authority());
        headers.insert(HOST, host.map_err(|error| Broken::Refused(error.to_string()))?);
        let own = HeaderValue::from_static(concat!("sandpiper/", env!("CARGO_PKG_VERSION")));
        headers.entry(USER_AGENT).or_insert(own);
        let built = Request::builder().method(request.method.clone()).uri(target).body(Full::new(body));
        let mut built = built.map_err(|error| Broken::Refused(error.to_string()))?;
        *built.headers_mut() = headers;
        Ok((built, signature))
    }

    /// The token that is good now.
    async fn token(
        &self,
        client: Client<'_>,
        until: Instant,
    ) -> Result<(hyper::header::HeaderName, HeaderValue), Broken> {
        // Held while one is asked for: requests beside this one need the same.
        let mut known = self.token.lock().await;
        if let Some(token) = known.as_ref().filter(|token| token.is_good()) {
            return Ok(token.header.clone());
        }
        let token = client.token(&self.wire, until, &*self.tell).await?;
        let header = token.header.clone();
        *known = Some(token);
        Ok(header)
    }

    /// Forgets a token that the API took no more, unless there is a newer one.
    async fn forget(&self, refused: Option<HeaderValue>) {
        let mut known = self.token.lock().await;
        if known.as_ref().map(|token| &token.header.1) == refused.as_ref() {
            *known = None;
        }
    }

    /// Connects, and authenticates where that is a step of its own. Sends the API nothing.
    pub(crate) async fn check(&self) -> Result<(), Broken> {
        self.wire.connect(&self.base).await?;
        if let Some(Auth::OAuth2 { token_url, client_id, client_secret, scopes }) = &self.auth {
            let client = Client { token_url, id: client_id, secret: client_secret, scopes };
            self.token(client, Instant::now() + self.settings.connect_timeout).await?;
        }
        Ok(())
    }
}

/// Whether an answer repeats a text.
fn repeats(answer: &Answer, text: &str) -> bool {
    let in_bytes = |bytes: &[u8]| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    in_bytes(&answer.body) || answer.headers.values().any(|value| in_bytes(value.as_bytes()))
}
