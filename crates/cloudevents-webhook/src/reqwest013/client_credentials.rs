//! Access tokens by OAuth 2.0 client credentials.

use super::{
    GuardedClient, TokenSource, clock,
    guarded::failed,
    kept_token::{Kept, Token},
};
use crate::deliver::retry_after;
use cloudevents_core::{Error, ErrorKind};
use cloudevents_http::reqwest013::beginning;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use serde_json::Value;
use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant, SystemTime},
};
use url::form_urlencoded;

/// The bytes that are read of a response of the token endpoint.
const LONGEST: usize = 64 << 10;

/// Requests access tokens from an authorization server with the credentials of a client (RFC 6749, section 4.4), for
/// [`Target::token_from`](super::Target::token_from).
///
/// A token is renewed shortly before it expires. That is a fifth of its life earlier, a minute at most. It is not renewed within a second,
/// even if the server says that it lives for less.
///
/// One request serves all deliveries. If an attempt that waits for it ends, the request goes on, so that a later attempt has the token. No
/// attempt waits while the token before is valid.
///
/// A token that a target refuses with 401 is renewed once, and the delivery is tried again at once. After a failure, the server is
/// requested again after a second, or when it allows by `Retry-After`. Until then, attempts fail with the same error. It is temporary: the
/// message is not at fault.
///
/// Requests go through the guard of the client. Clones share the token, so targets with the same credentials can share a source.
///
/// ```
/// use cloudevents_webhook::{
///     guard::{SystemResolver, UrlGuard},
///     reqwest013::{ClientCredentials, GuardedClient, Target},
/// };
///
/// let client = GuardedClient::new(UrlGuard::new(), SystemResolver::new(), reqwest::Client::builder())?;
/// let tokens = ClientCredentials::new(client, "https://login.partner.example/token", "our id", "our secret")?
///     .scope("events.write")
///     .parameter("audience", "https://partner.example/hook");
/// let target = Target::new("https://partner.example/hook").token_from(tokens);
/// # Ok::<(), cloudevents_core::Error>(())
/// ```
#[derive(Clone)]
pub struct ClientCredentials {
    client: GuardedClient,
    url: Box<str>,
    id: Box<str>,
    secret: Box<str>,
    in_body: bool,
    parameters: Vec<(Box<str>, Box<str>)>,
    timeout: Duration,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    kept: Mutex<Kept>,
    /// Held by the one who requests.
    asking: Arc<tokio::sync::Mutex<()>>,
}

impl ClientCredentials {
    /// Requests tokens at this URL, of the token endpoint, as this client.
    ///
    /// Errors are of kind [`Refused`](ErrorKind::Refused): the guard does not allow the URL.
    pub fn new(
        client: GuardedClient,
        url: impl Into<Box<str>>,
        id: impl Into<Box<str>>,
        secret: impl Into<Box<str>>,
    ) -> Result<Self, Error> {
        let url = url.into();
        client.guard().check(&url)?;
        Ok(Self {
            client,
            url,
            id: id.into(),
            secret: secret.into(),
            in_body: false,
            parameters: Vec::new(),
            timeout: Duration::from_secs(10),
            shared: Arc::default(),
        })
    }

    /// Requests this scope: names with spaces between them (RFC 6749, section 3.3).
    pub fn scope(self, scope: impl Into<Box<str>>) -> Self {
        self.parameter("scope", scope)
    }

    /// Adds a parameter that the server needs: `audience`, or `resource` (RFC 8707). May be called again.
    pub fn parameter(mut self, name: impl Into<Box<str>>, value: impl Into<Box<str>>) -> Self {
        self.parameters.push((name.into(), value.into()));
        self.with_no_token()
    }

    /// Sends id and secret in the body, for servers that do not take the header `Authorization`, which all servers should (RFC 6749,
    /// section 2.3.1).
    pub fn credentials_in_body(mut self) -> Self {
        self.in_body = true;
        self.with_no_token()
    }

    /// Sets how long a request for a token may take. Default: 10 seconds. An attempt waits for it for half of its own
    /// [time](super::WebhookSenderOptions::timeout) at most.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// A source of other tokens shares nothing with the clones of this one.
    fn with_no_token(self) -> Self {
        Self { shared: Arc::default(), ..self }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.shared.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The body of a request.
    fn form(&self) -> String {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("grant_type", "client_credentials");
        form.extend_pairs(self.parameters.iter().map(|(name, value)| (&**name, &**value)));
        if self.in_body {
            form.append_pair("client_id", &self.id).append_pair("client_secret", &self.secret);
        }
        form.finish()
    }

    async fn request(&self) -> Result<Token, Error> {
        let mut request = self
            .client
            .request(Method::POST, &self.url)?
            .header(header::ACCEPT, HeaderValue::from_static("application/json"))
            .header(header::CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"))
            .body(self.form())
            .timeout(self.timeout);
        if !self.in_body {
            let encoded = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
            request = request.basic_auth(encoded(&self.id), Some(encoded(&self.secret)));
        }
        let requested = clock::now();
        let response = request.send().await.map_err(failed)?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = beginning(response, LONGEST, self.timeout).await;
        let document: Option<Value> = serde_json::from_slice(&body).ok();
        if status != StatusCode::OK {
            return Err(self.refusal(status, &headers, document.as_ref()));
        }
        // From the request on: the server may have been slow to send the token that it had issued.
        token(document.as_ref(), requested)
    }

    /// Reads a refusal (RFC 6749, section 5.2). Parts that may repeat the credentials are not shown: its description, and text that does
    /// not look like a code.
    fn refusal(&self, status: StatusCode, headers: &HeaderMap, document: Option<&Value>) -> Error {
        let code = document.and_then(|document| document.get("error")).and_then(Value::as_str);
        let is_code = |code: &&str| {
            code.len() <= 64
                && code.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
                && (self.secret.is_empty() || !code.contains(&*self.secret))
        };
        let detail = match code.filter(is_code) {
            Some(code) => format!("the token endpoint responded {status}: {code}"),
            None => format!("the token endpoint responded {status}"),
        };
        let error = Error::new(ErrorKind::Refused).with_detail(detail);
        match retry_after(headers, SystemTime::now()) {
            Some(after) => error.with_retry_after(after),
            None => error,
        }
    }
}

impl TokenSource for ClientCredentials {
    async fn token(&self) -> Result<Box<str>, Error> {
        if let Some(known) = self.kept().token(clock::now()) {
            return known;
        }
        let asking = Arc::clone(&self.shared.asking);
        let asking = match Arc::clone(&asking).try_lock_owned() {
            Ok(asking) => asking,
            Err(_) => {
                if let Some(token) = self.kept().unexpired(clock::now()) {
                    return Ok(token);
                }
                asking.lock_owned().await
            }
        };
        // Another one may have requested it meanwhile.
        if let Some(known) = self.kept().token(clock::now()) {
            return known;
        }
        let this = self.clone();
        let requesting = async move {
            let _asking = asking;
            let requested = this.request().await.map_err(|error| error.with_temporary(true));
            if let Err(error) = &requested {
                tracing::warn!(%error, "there is no new access token");
            }
            this.kept().keep(requested, clock::now())
        };
        // It goes on without who waits, for the others.
        let requested = tokio::spawn(requesting);
        let in_hand = self.kept().unexpired(clock::now());
        if let Some(token) = in_hand {
            return Ok(token);
        }
        let interrupted =
            || Error::new(ErrorKind::Transport).with_detail("the request for a token was interrupted");
        requested.await.unwrap_or_else(|_| Err(interrupted()))
    }

    fn refused(&self, token: &str) -> bool {
        self.kept().refused(token, clock::now())
    }
}

/// Reads a successful response (RFC 6749, section 5.1).
fn token(document: Option<&Value>, requested: Instant) -> Result<Token, Error> {
    let unusable = |detail: &'static str| Error::new(ErrorKind::InvalidData).with_detail(detail);
    let document = document.and_then(Value::as_object).ok_or_else(|| {
        unusable("the token endpoint responded with something other than an object of JSON")
    })?;
    let text = |name: &str| document.get(name).and_then(Value::as_str);
    if !text("token_type").is_some_and(|kind| kind.eq_ignore_ascii_case("bearer")) {
        // Section 7.1: a token of another type must not be used.
        return Err(unusable("the access token is no bearer token"));
    }
    let token = text("access_token")
        .filter(|token| !token.is_empty() && token.bytes().all(|byte| matches!(byte, b' '..=b'~')))
        .ok_or_else(|| unusable("the token endpoint responded without an access token"))?;
    let lifetime = match document.get("expires_in") {
        None | Some(Value::Null) => None,
        // As text in Azure's first version.
        Some(Value::String(seconds)) => Some(seconds.parse().ok()),
        Some(seconds) => Some(seconds.as_u64()),
    };
    let lifetime = match lifetime {
        None => None,
        Some(None) => return Err(unusable("`expires_in` is not a number of seconds")),
        Some(Some(seconds)) => Some(Duration::from_secs(seconds)),
    };
    Ok(Token::new(token, lifetime, requested))
}

/// Shows neither the secret nor the token.
impl fmt::Debug for ClientCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientCredentials").field("id", &self.id).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guard::{SystemResolver, UrlGuard};
    use tokio::{net::TcpListener, time::timeout};

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test]
    async fn the_token_in_hand_is_used_while_it_is_renewed() {
        let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let guard = UrlGuard::new().allow_http().allow_any_port().allow_network("127.0.0.1".parse().unwrap());
        let client = GuardedClient::new(guard, SystemResolver::new(), reqwest::Client::builder()).unwrap();
        let url = format!("http://{}/token", silent.local_addr().unwrap());
        let source = ClientCredentials::new(client, url, "id", "secret").unwrap();
        // To be renewed for five seconds, and good for another fifteen.
        let issued = Instant::now().checked_sub(85 * SECOND).unwrap();
        source.kept().keep(Ok(Token::new("a", Some(100 * SECOND), issued)), issued).unwrap();
        for _ in 0..3 {
            let token = timeout(2 * SECOND, source.token()).await.expect("it waits for the renewal");
            assert_eq!(&*token.unwrap(), "a");
        }
        let (_asked, _) = timeout(2 * SECOND, silent.accept()).await.expect("nothing renews it").unwrap();
        assert!(source.shared.asking.try_lock().is_err(), "the request is under way");
        assert!(timeout(SECOND / 5, silent.accept()).await.is_err(), "one request at a time");
    }
}
