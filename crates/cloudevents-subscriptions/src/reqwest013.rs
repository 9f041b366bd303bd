//! A client of the Subscriptions API, over reqwest 0.13.

use crate::{Invalid, Subscription, SubscriptionRequest};
use reqwest::{Client, Method, Response, StatusCode};
use serde_json::Value;
use std::fmt;

/// A client for a subscription manager. Connection pool, TLS and headers are those of the given reqwest client.
///
/// ```no_run
/// use cloudevents_subscriptions::{SubscriptionRequest, reqwest013::Subscriptions};
///
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let manager = Subscriptions::new(reqwest::Client::new(), "https://manager.example/v0.1");
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
}

impl Subscriptions {
    /// A client of the manager whose collection is at `{base}/subscriptions`.
    pub fn new(client: Client, base: &str) -> Self {
        Self { client, base: base.trim_end_matches('/').to_owned() }
    }

    /// Creates a subscription, and returns it as the manager created it.
    pub async fn create(&self, request: &SubscriptionRequest) -> Result<Subscription, ClientError> {
        let response = self.send(Method::POST, None, Some(request.to_json_with_secrets())).await?;
        read(expect(response, StatusCode::CREATED).await?).await
    }

    /// Returns the subscription with this id; `None` if it does not exist.
    pub async fn retrieve(&self, id: &str) -> Result<Option<Subscription>, ClientError> {
        self.one(Method::GET, id, None).await
    }

    /// All subscriptions that the manager shows to this client.
    pub async fn query(&self) -> Result<Vec<Subscription>, ClientError> {
        let response = expect(self.send(Method::GET, None, None).await?, StatusCode::OK).await?;
        let items: Vec<Value> = response.json().await.map_err(ClientError::Transport)?;
        items.iter().map(|item| Subscription::read_back(item.clone()).map_err(ClientError::Answer)).collect()
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
        let response = self.send(Method::DELETE, Some(id), None).await?;
        match response.status() {
            StatusCode::NOT_FOUND => Ok(false),
            status if status.is_success() => Ok(true),
            _ => Err(refused(response).await),
        }
    }

    async fn one(
        &self,
        method: Method,
        id: &str,
        body: Option<Value>,
    ) -> Result<Option<Subscription>, ClientError> {
        let response = self.send(method, Some(id), body).await?;
        if response.status() == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        read(expect(response, StatusCode::OK).await?).await.map(Some)
    }

    async fn send(
        &self,
        method: Method,
        id: Option<&str>,
        body: Option<Value>,
    ) -> Result<Response, ClientError> {
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
            request = request.json(&body);
        }
        request.send().await.map_err(ClientError::Transport)
    }
}

/// Why a request to the manager failed.
#[derive(Debug)]
#[non_exhaustive]
pub enum ClientError {
    /// Sending the request or receiving the response failed.
    Transport(reqwest::Error),
    /// The manager refused the request: the status, and the beginning of the body.
    Refused(u16, String),
    /// The response is not a subscription.
    Answer(Invalid),
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Transport(error) => write!(f, "the manager was not reached: {error}"),
            Self::Refused(status, reason) => write!(f, "the manager refused with status {status}: {reason}"),
            Self::Answer(error) => write!(f, "the answer of the manager is no subscription: {error}"),
        }
    }
}

impl std::error::Error for ClientError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Transport(error) => Some(error),
            Self::Refused(..) => None,
            Self::Answer(error) => Some(error),
        }
    }
}

async fn expect(response: Response, status: StatusCode) -> Result<Response, ClientError> {
    if response.status() == status { Ok(response) } else { Err(refused(response).await) }
}

async fn refused(response: Response) -> ClientError {
    const SHOWN: usize = 1000;
    let status = response.status().as_u16();
    let text = response.text().await.unwrap_or_default();
    ClientError::Refused(status, text.chars().take(SHOWN).collect())
}

async fn read(response: Response) -> Result<Subscription, ClientError> {
    let value: Value = response.json().await.map_err(ClientError::Transport)?;
    Subscription::read_back(value).map_err(ClientError::Answer)
}
