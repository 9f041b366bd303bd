//! A registry with responses set by the test, over a real socket.

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, Method, StatusCode, Uri},
};
use cloudevents_kafka::registry::{
    Cached,
    reqwest013::{HttpRegistry, HttpRegistryOptions},
};
pub(super) use cloudevents_testkit::deliveries::within as soon;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};
use tokio::{
    net::TcpListener,
    sync::{Semaphore, watch},
};

/// A received request.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    /// Method, path and query, as on the wire.
    pub(super) line: String,
    pub(super) headers: HeaderMap,
    pub(super) body: String,
}

struct Inner {
    answers: Mutex<HashMap<String, (u16, String)>>,
    seen: watch::Sender<Vec<Seen>>,
    gate: Semaphore,
}

pub(super) struct FakeRegistry {
    pub(super) url: String,
    inner: Arc<Inner>,
}

impl FakeRegistry {
    /// Knows no schemas yet, and responds at once.
    pub(super) async fn start() -> Self {
        let fake = Self::closed().await;
        fake.open();
        fake
    }

    /// Keeps all requests waiting until it is opened.
    pub(super) async fn closed() -> Self {
        let inner = Arc::new(Inner {
            answers: Mutex::default(),
            seen: watch::Sender::new(Vec::new()),
            gate: Semaphore::new(0),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(answer).with_state(Arc::clone(&inner));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, inner }
    }

    pub(super) fn open(&self) {
        self.inner.gate.add_permits(1 << 20);
    }

    /// Sets the response to this request.
    pub(super) fn answers(&self, line: &str, status: u16, body: impl ToString) {
        self.inner.answers.lock().unwrap().insert(line.to_owned(), (status, body.to_string()));
    }

    /// Adds this schema under this id.
    pub(super) fn has(&self, id: u32, kind: &str, text: &str) {
        let document = serde_json::json!({"schema": text, "schemaType": kind});
        self.answers(&format!("GET /schemas/ids/{id}"), 200, document);
    }

    pub(super) fn seen(&self) -> Vec<Seen> {
        self.inner.seen.borrow().clone()
    }

    /// Waits until this many requests have arrived.
    pub(super) async fn asked(&self, times: usize) {
        let mut seen = self.inner.seen.subscribe();
        soon(seen.wait_for(|seen| seen.len() >= times)).await.unwrap();
    }

    pub(super) fn registry(&self) -> HttpRegistry {
        self.with(HttpRegistryOptions::default())
    }

    pub(super) fn with(&self, options: HttpRegistryOptions) -> HttpRegistry {
        HttpRegistry::new(&self.url, options).unwrap()
    }

    pub(super) fn cached(&self) -> Cached<HttpRegistry> {
        Cached::new(self.registry())
    }
}

async fn answer(
    State(inner): State<Arc<Inner>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, String) {
    let line = format!("{method} {uri}");
    let body = String::from_utf8(body.to_vec()).unwrap();
    inner.seen.send_modify(|seen| seen.push(Seen { line: line.clone(), headers, body }));
    inner.gate.acquire().await.unwrap().forget();
    let known = inner.answers.lock().unwrap().get(&line).cloned();
    let (status, body) =
        known.unwrap_or_else(|| (404, r#"{"error_code": 40403, "message": "Schema not found"}"#.to_owned()));
    (StatusCode::from_u16(status).unwrap(), body)
}
