//! Requests to the REST API of Pub/Sub.

use super::{
    failure::{self, Failure, garbled, of_client},
    login::Login,
    options::Target,
    token::Tokens,
};
use cloudevents_core::{Error, ErrorKind};
use cloudevents_transport::binding::{check_authorities, connect::runtime, disconnected, in_time, refused};
use reqwest::{
    Client, ClientBuilder, Method, Request, Response, Url,
    header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue, RETRY_AFTER},
    redirect::Policy,
};
use serde::de::DeserializeOwned;
use std::{net::IpAddr, sync::Arc, time::Duration};
use tokio::time::sleep;

/// The bytes of an answer. Data is Base64 there.
const MOST_ANSWER: usize = 128 << 20;

/// The bytes that are read of an answer that is an error.
const MOST_ERROR: usize = 1 << 20;

/// How long one try of a settlement may take.
const SETTLEMENT: Duration = Duration::from_secs(10);

/// How often a settlement is tried, and the pause before the second try.
const TRIES: u32 = 3;
const PAUSE: Duration = Duration::from_millis(100);

/// How long looking at a topic or a subscription may take.
const CHECK: Duration = Duration::from_secs(30);

/// A client of one server. Cloning is cheap.
#[derive(Clone, Debug)]
pub(super) struct Wire(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    client: Client,
    server: Arc<str>,
    /// Unless the server has no TLS.
    tokens: Option<Tokens>,
    /// The project whose quota pays for the requests of a user.
    quota_project: Option<HeaderValue>,
}

impl Wire {
    /// Makes a client, and requests a first access token. Nothing is requested from Pub/Sub yet.
    ///
    /// Errors: [`Unsupported`](ErrorKind::Unsupported) outside a tokio runtime, those of [`Login::of_environment`], and those of the source
    /// of tokens.
    pub(super) async fn new(target: &Target) -> Result<Self, Error> {
        let _ = runtime()?;
        let connection = &target.connection;
        let has_tls = target.server.starts_with("https:");
        if connection.client.is_none() && has_tls {
            check_authorities()?;
        }
        let new = || Client::builder().redirect(Policy::none()).connect_timeout(connection.connect_timeout);
        let client = match &connection.client {
            Some(client) => client.clone(),
            None => without_proxy(new(), &target.server).build().map_err(of_client)?,
        };
        let login = match (&connection.login, has_tls) {
            (_, false) => None,
            (Some(login), true) => Some(login.clone()),
            (None, true) => Some(Login::of_environment()?),
        };
        let quota_project = login.as_ref().and_then(Login::quota_project);
        let quota_project = quota_project.and_then(|project| HeaderValue::from_str(project).ok());
        let tokens = match login {
            None => None,
            Some(login) if login.is_of_machine() => {
                Some(Tokens::new(login, new().no_proxy().build().map_err(of_client)?))
            }
            Some(login) => Some(Tokens::new(login, client.clone())),
        };
        if let Some(tokens) = &tokens {
            let _ = tokens.get().await?;
        }
        Ok(Self(Arc::new(Inner { client, server: Arc::clone(&target.server), tokens, quota_project })))
    }

    /// Reads a topic or a subscription; `None` if this account may not.
    pub(super) async fn look<T: DeserializeOwned>(&self, path: &str) -> Result<Option<T>, Error> {
        match self.exchange(Method::GET, path, Vec::new(), CHECK).await {
            Ok(body) => Ok(Some(parsed(&body)?)),
            Err(Failure { error, .. }) if error.detail().starts_with("PERMISSION_DENIED") => Ok(None),
            Err(failure) => Err(failure.error),
        }
    }

    /// Makes a request, which is not made again, and returns the body of its answer.
    pub(super) async fn call(&self, path: &str, body: Vec<u8>, limit: Duration) -> Result<Vec<u8>, Error> {
        self.exchange(Method::POST, path, body, limit).await.map_err(|failure| failure.error)
    }

    /// Makes a request that settles messages, and makes it again if it fails for a while. Each try has an end: a server that holds a
    /// request would hold the messages for ever.
    pub(super) async fn settle(&self, path: &str, body: Vec<u8>) -> Result<(), Failure> {
        let mut pause = PAUSE;
        for left in (0..TRIES).rev() {
            match self.exchange(Method::POST, path, body.clone(), SETTLEMENT).await {
                Err(failure) if left > 0 && failure.by_id.is_empty() && failure.error.is_temporary() => {
                    sleep(failure.error.retry_after().unwrap_or(pause).min(SETTLEMENT)).await;
                    pause = pause.saturating_mul(4);
                }
                answer => return answer.map(drop),
            }
        }
        Err(disconnected("a settlement was not tried").into())
    }

    async fn exchange(
        &self,
        method: Method,
        path: &str,
        body: Vec<u8>,
        limit: Duration,
    ) -> Result<Vec<u8>, Failure> {
        let exchange = async {
            let request = self.request(method, path, body).await?;
            let response = self.0.client.execute(request).await.map_err(of_client)?;
            let status = response.status();
            if status.is_success() {
                return Ok(read(response, MOST_ANSWER).await?);
            }
            if status.as_u16() == 401
                && let Some(tokens) = &self.0.tokens
            {
                tokens.forget().await;
            }
            let after =
                response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
            let body = read(response, MOST_ERROR).await?;
            Err(failure::of_answer(status.as_u16(), after.map(Duration::from_secs), &body))
        };
        in_time("Pub/Sub", limit, exchange).await
    }

    async fn request(&self, method: Method, path: &str, body: Vec<u8>) -> Result<Request, Error> {
        let url = Url::parse(&format!("{}/v1/{path}", self.0.server))
            .map_err(|error| Error::new(ErrorKind::InvalidUrl).with_detail(error.to_string()))?;
        let mut request = Request::new(method, url);
        let headers = request.headers_mut();
        if let Some(tokens) = &self.0.tokens {
            let token = tokens.get().await?;
            let mut bearer = HeaderValue::from_str(&format!("Bearer {}", token.expose()))
                .map_err(|_| refused("the access token has characters that no header has"))?;
            bearer.set_sensitive(true);
            headers.insert(AUTHORIZATION, bearer);
        }
        if let Some(project) = &self.0.quota_project {
            headers.insert("x-goog-user-project", project.clone());
        }
        if !body.is_empty() {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            *request.body_mut() = Some(body.into());
        }
        Ok(request)
    }
}

/// Reads an answer of Pub/Sub.
pub(super) fn parsed<'a, T: serde::Deserialize<'a>>(body: &'a [u8]) -> Result<T, Error> {
    // The error may quote the body, which has messages.
    serde_json::from_slice(body).map_err(|error| {
        garbled(format_args!("it breaks at line {}, column {}", error.line(), error.column()))
    })
}

/// Reads the body of an answer, up to so many bytes.
pub(super) async fn read(mut response: Response, most: usize) -> Result<Vec<u8>, Error> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(of_client)? {
        if body.len().saturating_add(chunk.len()) > most {
            return Err(garbled(format_args!("it has more than {most} bytes")));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// A proxy does not reach this machine itself.
fn without_proxy(builder: ClientBuilder, server: &str) -> ClientBuilder {
    let url = Url::parse(server).ok();
    let host = url.as_ref().and_then(Url::host_str).unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    match address.map_or_else(|_| host == "localhost", |address| address.is_loopback()) {
        true => builder.no_proxy(),
        false => builder,
    }
}
