//! The Subscriptions API over HTTP, as a router of axum 0.8.

use crate::{FilterOptions, Invalid, Protocol, Store, StoreError, Subscription, SubscriptionRequest, read};
use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, PathRejection};
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::{Value, json};
use std::sync::Arc;

/// Serves the API of the OpenAPI document: `/subscriptions` and `/subscriptions/{id}`. The program chooses the prefix above them.
///
/// Errors are JSON objects with `error`, and with `path` if a property is at fault. The router has a fallback, so errors for other paths
/// are such objects, too: nest it below a prefix. Secrets are never given out.
///
/// ```no_run
/// use cloudevents_subscriptions::{InMemory, axum08::Api};
///
/// # async fn run() -> std::io::Result<()> {
/// let app = axum::Router::new().nest("/v0.1", Api::new(InMemory::new(10_000)).into_router());
/// axum::serve(tokio::net::TcpListener::bind("127.0.0.1:8080").await?, app).await
/// # }
/// ```
#[derive(Debug)]
pub struct Api<S> {
    store: S,
    filters: FilterOptions,
    protocols: Vec<Protocol>,
    limit: usize,
}

impl<S: Store> Api<S> {
    /// The API in front of a store, for the six protocols that the specification names, and requests of up to 256 KiB.
    pub fn new(store: S) -> Self {
        Self { store, filters: FilterOptions::strict(), protocols: Protocol::NAMED.into(), limit: 256 << 10 }
    }

    /// How filters are read.
    pub fn filters(mut self, options: FilterOptions) -> Self {
        self.filters = options;
        self
    }

    /// The protocols that events can be delivered over; subscriptions of others are refused.
    pub fn protocols(mut self, protocols: impl IntoIterator<Item = Protocol>) -> Self {
        self.protocols = protocols.into_iter().collect();
        self
    }

    /// The bytes a request may have.
    pub fn limit(mut self, bytes: usize) -> Self {
        self.limit = bytes;
        self
    }

    /// The router.
    pub fn into_router(self) -> Router {
        let limit = self.limit;
        Router::new()
            .route("/subscriptions", get(query::<S>).post(create::<S>).options(|| allow("GET,POST,OPTIONS")))
            .route(
                "/subscriptions/{id}",
                get(retrieve::<S>)
                    .put(update::<S>)
                    .delete(delete::<S>)
                    .options(|| allow("GET,PUT,DELETE,OPTIONS")),
            )
            .fallback(|| async { Failure::NoSuchPath })
            .method_not_allowed_fallback(|| async { Failure::NoSuchMethod })
            .layer(DefaultBodyLimit::max(limit))
            .with_state(Arc::new(self))
    }

    /// The request in a body, and the `id` that it states.
    fn read(
        &self,
        headers: &HeaderMap,
        body: Result<Bytes, BytesRejection>,
    ) -> Result<(SubscriptionRequest, Option<Value>), Failure> {
        let body = body.map_err(|rejection| Failure::Unread(rejection, self.limit))?;
        let content_type =
            headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
        let essence = content_type.split(';').next().unwrap_or_default().trim();
        if !essence.eq_ignore_ascii_case("application/json") {
            return Err(Failure::invalid("", "the content type is not application/json"));
        }
        let document = read::parse(&body)?;
        let request = SubscriptionRequest::read(&document, &self.filters)?.value;
        if !self.protocols.contains(request.protocol()) {
            let names: Vec<_> = self.protocols.iter().map(Protocol::as_str).collect();
            let message = format!("events are delivered over {} here", names.join(", "));
            return Err(Failure::invalid("/protocol", &message));
        }
        Ok((request, document.get("id").cloned()))
    }
}

async fn create<S: Store>(
    State(api): State<Arc<Api<S>>>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Failure> {
    let (request, _) = api.read(&headers, body)?;
    let created = api.store.create(request).await?;
    let mut response = (StatusCode::CREATED, answer(&created)).into_response();
    // Relative to the collection, so that it holds below any prefix (RFC 3986 section 5.2, from `.../subscriptions`).
    if let Ok(location) = HeaderValue::try_from(format!("subscriptions/{}", created.id())) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    Ok(response)
}

async fn query<S: Store>(State(api): State<Arc<Api<S>>>) -> Result<Response, Failure> {
    let all: Vec<Value> = api.store.query().await?.iter().map(Subscription::to_json).collect();
    Ok(axum::Json(all).into_response())
}

async fn retrieve<S: Store>(
    State(api): State<Arc<Api<S>>>,
    id: Result<Path<String>, PathRejection>,
) -> Result<Response, Failure> {
    found(api.store.retrieve(&decoded(id)?).await?)
}

async fn update<S: Store>(
    State(api): State<Arc<Api<S>>>,
    id: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Failure> {
    let (request, stated) = api.read(&headers, body)?;
    let id = decoded(id)?;
    match stated {
        Some(stated) if stated != id => {
            return Err(Failure::invalid("/id", "the id is another one than that of the URL"));
        }
        Some(_) => {}
        None => return Err(Failure::invalid("", "`id` is required and missing")),
    }
    found(api.store.update(&id, request).await?)
}

async fn delete<S: Store>(
    State(api): State<Arc<Api<S>>>,
    id: Result<Path<String>, PathRejection>,
) -> Result<Response, Failure> {
    found(api.store.delete(&decoded(id)?).await?)
}

async fn allow(methods: &'static str) -> Response {
    [(header::ALLOW, methods)].into_response()
}

/// The id of a URL. No subscription has an id that is not text.
fn decoded(id: Result<Path<String>, PathRejection>) -> Result<String, Failure> {
    id.map(|Path(id)| id).map_err(|_| Failure::NotFound)
}

fn found(subscription: Option<Subscription>) -> Result<Response, Failure> {
    subscription.map(|subscription| answer(&subscription).into_response()).ok_or(Failure::NotFound)
}

fn answer(subscription: &Subscription) -> axum::Json<Value> {
    axum::Json(subscription.to_json())
}

enum Failure {
    Invalid(Invalid),
    NotFound,
    NoSuchPath,
    NoSuchMethod,
    /// The body, and the bytes it may have.
    Unread(BytesRejection, usize),
    Store(StoreError),
}

impl Failure {
    fn invalid(path: &str, message: &str) -> Self {
        Self::Invalid(Invalid::new(path, message.to_owned()))
    }
}

impl From<Invalid> for Failure {
    fn from(error: Invalid) -> Self {
        Self::Invalid(error)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let (status, error) = match self {
            Self::Invalid(error) => {
                (StatusCode::BAD_REQUEST, json!({"error": error.message(), "path": error.path()}))
            }
            Self::NotFound => (StatusCode::NOT_FOUND, json!({"error": "there is no such subscription"})),
            Self::NoSuchPath => (
                StatusCode::NOT_FOUND,
                json!({"error": "the paths are /subscriptions and /subscriptions/{id}"}),
            ),
            Self::NoSuchMethod => {
                let error = "no such method; OPTIONS returns those of this path";
                (StatusCode::METHOD_NOT_ALLOWED, json!({"error": error}))
            }
            Self::Unread(rejection, limit) => match rejection.status() {
                status @ StatusCode::PAYLOAD_TOO_LARGE => {
                    (status, json!({"error": format!("the request has more than {limit} bytes")}))
                }
                status => (status, json!({"error": "the request was not read to its end"})),
            },
            Self::Store(StoreError::Refused(reason)) => (StatusCode::BAD_REQUEST, json!({"error": reason})),
            Self::Store(StoreError::Failed(_)) => {
                (StatusCode::INTERNAL_SERVER_ERROR, json!({"error": "the store is out of order"}))
            }
        };
        (status, axum::Json(error)).into_response()
    }
}
