//! Requests to the target that is checked, within limits.

use crate::{
    connect::Certificates,
    failure::{Failure, Status},
};
use bytes::Bytes;
use cloudevents_kit::{
    http::retry_after,
    webhook::{
        handshake::Rate,
        signature::{Sign as _, StandardSigner},
    },
};
use http::{HeaderMap, HeaderValue, Method, Request, header};
use http_body::{Body, Frame, SizeHint};
use std::{
    collections::BTreeSet,
    convert::Infallible,
    future::Future,
    num::NonZeroU32,
    pin::Pin,
    task::{Context, Poll},
    time::{Duration, Instant, SystemTime},
};
use tokio::time::{Sleep, sleep, sleep_until, timeout_at};

/// The bounds of a check.
const REQUESTS: u32 = 100;
const BYTES: usize = 5 << 20;
const TIME: Duration = Duration::from_secs(120);
/// The unit of rates.
const MINUTE: Duration = Duration::from_secs(60);
/// How long one request may take.
const EXCHANGE: Duration = Duration::from_secs(30);
/// The longest `Retry-After` that is waited for.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often a request is repeated where the target is overloaded.
const REPEATS: u32 = 3;
/// The bytes of a response that are read.
const READ: usize = 64 << 10;

/// Where a delivery has its token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token {
    Header,
    Query,
    Both,
    None,
    Wrong,
    /// The beginning of the right one.
    Half,
    /// The right one and more.
    Longer,
}

/// How a delivery is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Signing {
    Right,
    None,
    /// Of another body.
    Wrong,
    /// Ten minutes ago.
    Old,
    /// Ten minutes from now.
    Future,
    /// Of another delivery's id.
    OtherId,
}

/// A request to send.
#[derive(Clone, Debug)]
pub(super) struct Draft {
    pub(super) method: Method,
    /// The id of the delivery, which is signed: the same however often it is sent.
    pub(super) id: String,
    pub(super) origin: Option<String>,
    pub(super) token: Token,
    pub(super) signing: Signing,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Bytes,
    /// One byte of the body at a time.
    pub(super) slow: bool,
}

/// The result of a request: a response, or how the connection ended.
pub(super) type Answer = Result<Response, String>;

/// A response.
#[derive(Clone, Debug)]
pub(super) struct Response {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    /// Whether it has a payload.
    pub(super) payload: bool,
}

/// Why the check ends early: a limit.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stop(pub(super) &'static str);

/// The deliveries so far, and how many the target takes in a minute.
#[derive(Debug, Default)]
struct Paced {
    /// `None` where there is no limit.
    limit: Option<NonZeroU32>,
    /// In their order.
    sent: Vec<Instant>,
}

impl Paced {
    /// When the next delivery may be sent, so that no minute has more than the limit.
    fn next(&self, now: Instant) -> Instant {
        let limit = self.limit.and_then(|limit| usize::try_from(limit.get()).ok());
        let earlier = limit.and_then(|limit| self.sent.iter().rev().nth(limit.saturating_sub(1)));
        earlier.and_then(|earlier| earlier.checked_add(MINUTE)).map_or(now, |free| free.max(now))
    }
}

/// Sends requests one after the other over one connection, as long as the target keeps it open.
pub(super) struct Probe {
    client: reqwest::Client,
    url: reqwest::Url,
    token: Option<String>,
    signer: Option<StandardSigner>,
    requests: u32,
    bytes: usize,
    started: Instant,
    paced: Paced,
    /// Whether repeating the last request was in vain.
    is_overloaded: bool,
    /// Statuses of redirects that were seen.
    pub(super) redirects: BTreeSet<u16>,
    /// Whether a 429 came, and whether each had `Retry-After`.
    pub(super) limited: Option<bool>,
}

impl Probe {
    pub(super) fn new(
        url: reqwest::Url,
        token: Option<String>,
        signer: Option<StandardSigner>,
        certificates: &Certificates,
    ) -> Result<Self, Failure> {
        let mut builder = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .pool_max_idle_per_host(1)
            .connect_timeout(Duration::from_secs(10));
        if url.scheme() == "https" {
            builder = certificates.in_client(builder)?;
        }
        let client = builder
            .build()
            .map_err(|error| Failure::new(Status::Network, format!("no client can be created: {error}")))?;
        Ok(Self {
            client,
            url,
            token,
            signer,
            requests: 0,
            bytes: 0,
            started: Instant::now(),
            paced: Paced::default(),
            is_overloaded: false,
            redirects: BTreeSet::new(),
            limited: None,
        })
    }

    pub(super) fn has_token(&self) -> bool {
        self.token.is_some()
    }

    pub(super) fn has_signer(&self) -> bool {
        self.signer.is_some()
    }

    /// Keeps to the rate that the target granted.
    pub(super) fn keep_to(&mut self, rate: Rate) {
        self.paced.limit = rate.limit();
    }

    pub(super) fn used(&self) -> (u32, usize, Duration) {
        (self.requests, self.bytes, self.started.elapsed())
    }

    /// Sends a request; again, a few times, where the target is overloaded and says for how long, unless that was in vain the last time.
    pub(super) async fn send(&mut self, draft: &Draft) -> Result<Answer, Stop> {
        let mut repeats = if self.is_overloaded { 0 } else { REPEATS };
        loop {
            let answer = self.exchange(draft).await?;
            let Ok(response) = &answer else { return Ok(answer) };
            if (300..400).contains(&response.status) {
                self.redirects.insert(response.status);
            }
            let after = retry_after(&response.headers, SystemTime::now());
            if response.status == 429 {
                let has = response.headers.contains_key(header::RETRY_AFTER);
                self.limited = Some(self.limited.unwrap_or(true) && has);
            }
            self.is_overloaded = matches!(response.status, 429 | 503);
            match after {
                Some(wait) if self.is_overloaded && wait <= PATIENCE && repeats > 0 => {
                    repeats = repeats.saturating_sub(1);
                    sleep(wait).await;
                }
                _ => return Ok(answer),
            }
        }
    }

    async fn exchange(&mut self, draft: &Draft) -> Result<Answer, Stop> {
        if self.requests >= REQUESTS {
            return Err(Stop("100 requests were sent"));
        }
        if self.bytes.saturating_add(draft.body.len()) > BYTES {
            return Err(Stop("5 MB were sent"));
        }
        let end = self.started.checked_add(TIME).unwrap_or(self.started);
        if Instant::now() >= end {
            return Err(Stop("two minutes have passed"));
        }
        // A handshake is no delivery.
        if draft.method != Method::OPTIONS {
            let now = Instant::now();
            let at = self.paced.next(now);
            if at >= end {
                return Err(Stop(
                    "the rate that the target granted allows no more deliveries in two minutes",
                ));
            }
            sleep_until(at.into()).await;
            self.paced.sent.push(at);
        }
        self.requests = self.requests.saturating_add(1);
        self.bytes = self.bytes.saturating_add(draft.body.len());
        let Some(request) = self.request(draft) else { return Ok(Err("the request cannot be made".into())) };
        let sending = async {
            let mut response = self.client.execute(request).await.map_err(why)?;
            let (status, headers) = (response.status().as_u16(), response.headers().clone());
            let mut read = 0_usize;
            while let Ok(Some(chunk)) = response.chunk().await {
                read = read.saturating_add(chunk.len());
                if read > READ {
                    break;
                }
            }
            Ok(Response { status, headers, payload: read > 0 })
        };
        let limit = Instant::now().checked_add(EXCHANGE).map_or(end, |limit| limit.min(end));
        Ok(match timeout_at(limit.into(), sending).await {
            Ok(answer) => answer,
            Err(_) => Err("no response in time".into()),
        })
    }

    fn request(&self, draft: &Draft) -> Option<reqwest::Request> {
        let mut url = self.url.clone();
        let (mut parts, ()) = Request::new(()).into_parts();
        let headers = &mut parts.headers;
        for (name, value) in &draft.headers {
            headers.insert(*name, value.parse().ok()?);
        }
        if let Some(origin) = &draft.origin {
            headers.insert("webhook-request-origin", origin.parse().ok()?);
        }
        if let Some(token) = &self.token {
            let wrong = "this is not the token";
            if matches!(draft.token, Token::Header | Token::Both) {
                headers.insert(header::AUTHORIZATION, bearer(token)?);
            }
            if matches!(draft.token, Token::Query | Token::Both) {
                url.query_pairs_mut().append_pair("access_token", token);
            }
            let half = token.chars().count() / 2;
            let other = match draft.token {
                Token::Wrong => Some(wrong.to_owned()),
                Token::Half => Some(token.chars().take(half).collect()),
                Token::Longer => Some(format!("{token}x")),
                Token::Header | Token::Query | Token::Both | Token::None => None,
            };
            if let Some(other) = other {
                headers.insert(header::AUTHORIZATION, bearer(&other)?);
            }
        }
        if let Some(signer) = self.signer.as_ref().filter(|_| draft.method == Method::POST) {
            let now = SystemTime::now();
            let (body, at): (&[u8], _) = match draft.signing {
                Signing::Right => (&draft.body, Some(now)),
                Signing::Wrong => (b"another body", Some(now)),
                Signing::Old => (&draft.body, now.checked_sub(Duration::from_secs(600))),
                Signing::Future => (&draft.body, now.checked_add(Duration::from_secs(600))),
                Signing::OtherId => (&draft.body, Some(now)),
                Signing::None => (&draft.body, None),
            };
            if let Some(at) = at {
                signer.sign(&mut parts, body, &draft.id, at).ok()?;
                if draft.signing == Signing::OtherId {
                    parts.headers.insert("webhook-id", HeaderValue::from_static("check_another"));
                }
            }
        }
        let mut request = reqwest::Request::new(draft.method.clone(), url);
        *request.headers_mut() = parts.headers;
        *request.body_mut() = match draft.slow {
            false if draft.body.is_empty() => None,
            false => Some(draft.body.clone().into()),
            true => Some(reqwest::Body::wrap(Slow::new(draft.body.clone()))),
        };
        Some(request)
    }
}

fn bearer(token: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(&format!("Bearer {token}")).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// An error without its URL, in which there may be a secret.
pub(super) fn why(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

/// A body that comes one byte each half second.
struct Slow {
    body: Bytes,
    next: Pin<Box<Sleep>>,
}

impl Slow {
    fn new(body: Bytes) -> Self {
        Self { body, next: Box::pin(sleep(Duration::ZERO)) }
    }
}

impl Body for Slow {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.body.is_empty() {
            return Poll::Ready(None);
        }
        std::task::ready!(self.next.as_mut().poll(context));
        let deadline = self.next.deadline();
        let deadline = deadline.checked_add(Duration::from_millis(500)).unwrap_or(deadline);
        self.next = Box::pin(sleep_until(deadline));
        let byte = self.body.split_to(1);
        Poll::Ready(Some(Ok(Frame::data(byte))))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(u64::try_from(self.body.len()).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_minute_has_more_deliveries_than_the_target_granted() {
        let (mut paced, start) = (Paced::default(), Instant::now());
        paced.sent = vec![start; 50];
        assert_eq!(paced.next(start), start); // no limit
        let mut paced = Paced { limit: NonZeroU32::new(2), sent: Vec::new() };
        let second = |seconds| start + Duration::from_secs(seconds);
        for (now, expected) in [(0, 0), (10, 10), (11, 60), (60, 70), (200, 200), (200, 200), (200, 260)] {
            assert_eq!(paced.next(second(now)), second(expected), "{now}");
            paced.sent.push(second(expected));
        }
    }
}
