//! A client of the Subscriptions API, over reqwest 0.13.

use crate::{Invalid, Subscription, SubscriptionRequest, read};
use cloudevents_transport::binding::Secrets;
use reqwest::{Client, Method, Response, StatusCode};
use serde_json::Value;
use std::fmt;

/// A client for a subscription manager. Connection pool, TLS and headers are settings of the given reqwest client.
///
/// A client that follows redirects sends the credentials of sinks wherever the manager points: let it follow none.
///
/// ```no_run
/// use cloudevents_subscriptions::{SubscriptionRequest, reqwest013::Subscriptions};
///
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build()?;
/// let manager = Subscriptions::new(client, "https://manager.example/v0.1");
/// let request = SubscriptionRequest::parse(r#"{"sink": "https://example.com/hook", "protocol": "HTTP"}"#)?;
/// let subscription = manager.create(&request).await?;
/// println!("{}", subscription.id());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Subscriptions {
    client: Client,
    base: String,
    limit: usize,
}

impl Subscriptions {
    /// A client of the manager whose collection is at `{base}/subscriptions`.
    pub fn new(client: Client, base: &str) -> Self {
        Self { client, base: base.trim_end_matches('/').to_owned(), limit: 16 << 20 }
    }

    /// The bytes that a response may have. Default: 16 MiB.
    pub fn limit(mut self, bytes: usize) -> Self {
        self.limit = bytes;
        self
    }

    /// Creates a subscription, and returns it as the manager created it.
    pub async fn create(&self, request: &SubscriptionRequest) -> Result<Subscription, ClientError> {
        let body = request.to_json_with_secrets();
        let answer = self.send(Method::POST, None, Some(&body)).await?;
        self.read(expect(answer, StatusCode::CREATED).await?).await
    }

    /// Returns the subscription with this id; `None` if it does not exist.
    pub async fn retrieve(&self, id: &str) -> Result<Option<Subscription>, ClientError> {
        self.one(Method::GET, id, None).await
    }

    /// All subscriptions that the manager shows to this client.
    pub async fn query(&self) -> Result<Vec<Subscription>, ClientError> {
        let response = expect(self.send(Method::GET, None, None).await?, StatusCode::OK).await?;
        let Value::Array(items) = self.json(response).await? else {
            return Err(ClientError::Answer(Invalid::new("", "the subscriptions are not an array")));
        };
        items.into_iter().map(|item| Subscription::read_back(item).map_err(ClientError::Answer)).collect()
    }

    /// Replaces the subscription with this id; `None` if it does not exist.
    pub async fn update(
        &self,
        id: &str,
        request: &SubscriptionRequest,
    ) -> Result<Option<Subscription>, ClientError> {
        let mut body = request.to_json_with_secrets();
        if let Some(members) = body.as_object_mut() {
            members.insert("id".into(), id.into());
        }
        self.one(Method::PUT, id, Some(body)).await
    }

    /// Deletes the subscription with this id. Returns whether it existed.
    pub async fn delete(&self, id: &str) -> Result<bool, ClientError> {
        if leaves_collection(id) {
            return Ok(false);
        }
        let (response, secrets) = self.send(Method::DELETE, Some(id), None).await?;
        match response.status() {
            StatusCode::NOT_FOUND => Ok(false),
            status if status.is_success() => Ok(true),
            _ => Err(refused(response, &secrets).await),
        }
    }

    async fn one(
        &self,
        method: Method,
        id: &str,
        body: Option<Value>,
    ) -> Result<Option<Subscription>, ClientError> {
        if leaves_collection(id) {
            return Ok(None);
        }
        let answer = self.send(method, Some(id), body.as_ref()).await?;
        if answer.0.status() == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        self.read(expect(answer, StatusCode::OK).await?).await.map(Some)
    }

    async fn read(&self, response: Response) -> Result<Subscription, ClientError> {
        Subscription::read_back(self.json(response).await?).map_err(ClientError::Answer)
    }

    async fn json(&self, response: Response) -> Result<Value, ClientError> {
        let body = beginning(response, self.limit.saturating_add(1)).await.map_err(unreached)?;
        if body.len() > self.limit {
            return Err(ClientError::TooLarge(self.limit));
        }
        read::parse(&body).map_err(ClientError::Answer)
    }

    /// Returns the response, and the secrets that it must not repeat.
    async fn send(
        &self,
        method: Method,
        id: Option<&str>,
        body: Option<&Value>,
    ) -> Result<(Response, Secrets), ClientError> {
        let mut url = format!("{}/subscriptions", self.base);
        if let Some(id) = id {
            url.push('/');
            id.bytes().for_each(|byte| match byte {
                b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => url.push(byte.into()),
                _ => url.push_str(&format!("%{byte:02X}")),
            });
        }
        let mut request = self.client.request(method, url);
        if let Some(body) = body {
            request = request.json(body);
        }
        let request = request.build().map_err(unreached)?;
        // Not of the whole URL: a manager names the subscription.
        let secrets = request.headers().iter().fold(Secrets::of_url(&self.base), |secrets, (name, value)| {
            secrets.with_header(name.as_str(), value.as_bytes(), value.is_sensitive())
        });
        let secrets = with_secrets(secrets, body);
        let response = self.client.execute(request).await.map_err(unreached)?;
        Ok((response, secrets))
    }
}

/// Why a request to the manager failed.
#[derive(Debug)]
#[non_exhaustive]
pub enum ClientError {
    /// Sending the request or receiving the response failed. The error does not contain the URL.
    Transport(reqwest::Error),
    /// The manager refused the request: the status, and the beginning of the body.
    ///
    /// A note stands in place of the body if the body repeats a secret: the credential of the request's sink, credentials or identifiers in
    /// the URLs of sink or manager, or settings that are named like credentials. Headers that the reqwest client adds are not known here.
    Refused(u16, String),
    /// The response is not a subscription.
    Answer(Invalid),
    /// The response has more bytes than this [limit](Subscriptions::limit).
    TooLarge(usize),
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Transport(error) => write!(f, "the manager was not reached: {error}"),
            Self::Refused(status, reason) => {
                write!(f, "the manager refused with status {status}: {}", reason.escape_debug())
            }
            Self::Answer(error) => write!(f, "the answer of the manager is no subscription: {error}"),
            Self::TooLarge(limit) => write!(f, "the answer of the manager has more than {limit} bytes"),
        }
    }
}

impl std::error::Error for ClientError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Transport(error) => Some(error),
            Self::Refused(..) | Self::TooLarge(_) => None,
            Self::Answer(error) => Some(error),
        }
    }
}

/// Without the URL, which may be a secret of the programs that know it.
fn unreached(error: reqwest::Error) -> ClientError {
    ClientError::Transport(error.without_url())
}

/// Whether a URL with this id is not one of a subscription: such segments are removed from paths.
fn leaves_collection(id: &str) -> bool {
    matches!(id, "" | "." | "..")
}

async fn expect(answer: (Response, Secrets), status: StatusCode) -> Result<Response, ClientError> {
    let (response, secrets) = answer;
    if response.status() == status { Ok(response) } else { Err(refused(response, &secrets).await) }
}

async fn refused(response: Response, secrets: &Secrets) -> ClientError {
    const SHOWN: usize = 1000;
    let status = response.status().as_u16();
    let body = beginning(response, SHOWN.saturating_add(secrets.longest())).await.unwrap_or_default();
    let reason = match secrets.are_in(&String::from_utf8_lossy(&body)) {
        true => Secrets::NOT_SHOWN.to_owned(),
        false => String::from_utf8_lossy(body.get(..SHOWN).unwrap_or(&body)).into_owned(),
    };
    ClientError::Refused(status, reason)
}

/// Adds the secrets of this request: of its sink, of the sink's credential, and of settings that are named like headers.
fn with_secrets(secrets: Secrets, request: Option<&Value>) -> Secrets {
    let member = |name: &str| request.and_then(|request| request.get(name));
    let sink = member("sink").and_then(Value::as_str).unwrap_or_default();
    let secrets = ["accesstoken", "identifier", "refreshtoken", "refreshtokenendpoint", "secret"]
        .into_iter()
        .filter_map(|name| member("sinkcredential")?.get(name)?.as_str())
        .fold(secrets.with_url(sink), Secrets::with);
    let settings = ["config", "protocolsettings"].into_iter().filter_map(|name| Some((name, member(name)?)));
    settings.fold(secrets, |secrets, (name, value)| with_settings(secrets, name, value))
}

/// Adds the texts of this setting whose names sound like credentials.
///
/// The name of a `value` is the name beside it, or the name of the setting.
fn with_settings(secrets: Secrets, name: &str, value: &Value) -> Secrets {
    match value {
        Value::String(text) => secrets.with_header(&name.to_lowercase(), text.as_bytes(), false),
        Value::Array(items) => items.iter().fold(secrets, |secrets, item| with_settings(secrets, name, item)),
        Value::Object(members) => {
            let beside = ["name", "key"].into_iter().find_map(|beside| members.get(beside)?.as_str());
            members.iter().fold(secrets, |secrets, (member, value)| match &**member {
                "value" => with_settings(secrets, beside.unwrap_or(name), value),
                _ => with_settings(secrets, member, value),
            })
        }
        _ => secrets,
    }
}

/// The body up to this number of bytes.
async fn beginning(mut response: Response, most: usize) -> Result<Vec<u8>, reqwest::Error> {
    let mut body = Vec::new();
    while body.len() < most
        && let Some(chunk) = response.chunk().await?
    {
        body.extend_from_slice(&chunk);
    }
    body.truncate(most);
    Ok(body)
}
