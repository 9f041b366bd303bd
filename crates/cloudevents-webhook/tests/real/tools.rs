//! What the tests are written with.

use axum::Router;
use bytes::Bytes;
use cloudevents_testkit::patience;
use cloudevents_transport::Receiver;
use cloudevents_webhook::receiver::{Webhook, WebhookOptions};
use http::{HeaderMap, Method, StatusCode};
use std::{
    future::Future,
    net::Ipv4Addr,
    sync::{Arc, Mutex},
};
use tokio::{net::TcpListener, time::timeout};

/// What must happen soon.
pub(crate) async fn soon<T>(future: impl Future<Output = T>) -> T {
    timeout(patience(), future).await.expect("it takes too long")
}

pub(crate) const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
pub(crate) const TOKEN: &str = "mF_9.B5f-4.1JqM";
pub(crate) const STRUCTURED: &str = "application/cloudevents+json";

/// An event as a document.
pub(crate) fn document(id: &str) -> String {
    format!(
        r#"{{"specversion":"1.0","id":"{id}","source":"/tests","type":"com.example.test","data":"payload"}}"#
    )
}

/// A target behind axum.
pub(crate) struct Target {
    pub(crate) url: String,
    pub(crate) webhook: Webhook,
    client: reqwest::Client,
}

/// A response, read to its end.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Response {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// A member of the problem document.
    pub(crate) fn problem(&self, member: &str) -> String {
        let document: serde_json::Value = serde_json::from_slice(&self.body).expect("a problem document");
        document.get(member).and_then(|value| value.as_str()).unwrap_or_default().to_owned()
    }
}

impl Target {
    pub(crate) async fn open(options: WebhookOptions) -> (Self, Receiver) {
        let (webhook, receiver) = Webhook::open(options).unwrap();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let app = Router::new().route_service("/hook", webhook.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        let client = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .unwrap();
        (Self { url: format!("http://{address}/hook"), webhook, client }, receiver)
    }

    /// Also accepts everything, and keeps the ids.
    pub(crate) async fn accepting(options: WebhookOptions) -> (Self, Seen) {
        let (target, receiver) = Self::open(options).await;
        let seen = Seen::default();
        seen.accept_all(receiver);
        (target, seen)
    }

    pub(crate) async fn send(
        &self,
        method: Method,
        query: &str,
        headers: &[(&str, &str)],
        body: impl Into<reqwest::Body>,
    ) -> Response {
        let mut request = self.client.request(method, format!("{}{query}", self.url)).body(body);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = soon(request.send()).await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        Response { status, headers, body: soon(response.bytes()).await.unwrap() }
    }

    pub(crate) async fn post(&self, headers: &[(&str, &str)], body: impl Into<reqwest::Body>) -> Response {
        self.send(Method::POST, "", headers, body).await
    }

    /// An event in structured mode, with the bearer token.
    pub(crate) async fn event(&self, id: &str) -> Response {
        self.post(&[("content-type", STRUCTURED), ("authorization", &bearer())], document(id)).await
    }

    pub(crate) async fn options(&self, headers: &[(&str, &str)]) -> Response {
        self.send(Method::OPTIONS, "", headers, "").await
    }
}

pub(crate) fn bearer() -> String {
    format!("Bearer {TOKEN}")
}

/// The ids of the events that a handler accepted.
#[derive(Clone, Default)]
pub(crate) struct Seen(Arc<Mutex<Vec<String>>>);

impl Seen {
    pub(crate) fn ids(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }

    fn accept_all(&self, mut receiver: Receiver) {
        let seen = self.clone();
        tokio::spawn(async move {
            while let Ok(Some(delivery)) = receiver.next().await {
                match delivery.events() {
                    Ok(events) => {
                        let ids: Vec<String> = events.iter().map(|event| event.id().to_owned()).collect();
                        seen.0.lock().unwrap().extend(ids);
                        let _ = delivery.accept().await;
                    }
                    Err(error) => {
                        let _ = delivery.reject(error).await;
                    }
                }
            }
        });
    }
}

/// Options that need the bearer token and nothing else.
pub(crate) fn with_token() -> WebhookOptions {
    WebhookOptions::without_handshake().token(TOKEN)
}
