//! Forwards events to another server by their type, without decoding them: binary, structured and batched
//! messages stay unchanged, even in formats that this program does not know.
//!
//! ```text
//! cargo run -p example-axum-receiver &
//! cargo run -p example-forwarding-proxy -- http://localhost:8080/events com.example.order.
//! curl -i localhost:8081/ -H 'content-type: application/cloudevents+json' \
//!     -d '{"specversion":"1.0","id":"1","source":"/shop","type":"com.example.order.placed"}'
//! ```

use axum::{Router, extract::State, http::StatusCode, routing::post};
use cloudevents_kit::{
    ErrorKind,
    http::{Problem, axum08::CloudEventMessage, reqwest013::RequestBuilderExt},
    prelude::*,
};
use std::sync::Arc;

struct Route {
    client: reqwest::Client,
    target: String,
    prefix: String,
    decoding: DecodeOptions,
}

async fn forward(
    State(route): State<Arc<Route>>,
    CloudEventMessage(message): CloudEventMessage,
) -> Result<StatusCode, Problem> {
    // A batch has no single type, and the type in a document of an unknown format cannot be read. Both pass.
    let wanted = match message.attribute("type", &route.decoding) {
        Ok(ty) => ty.is_some_and(|ty| ty.starts_with(&route.prefix)),
        Err(error) => matches!(error.kind(), ErrorKind::Batched | ErrorKind::UnknownFormat),
    };
    if !wanted {
        return Ok(StatusCode::ACCEPTED);
    }
    match route.client.post(&route.target).message(&message).send().await {
        Ok(response) => Ok(response.status()),
        Err(error) => {
            let id = message.attribute("id", &route.decoding).ok().flatten();
            eprintln!("{}: {}: {error}", route.target, id.as_deref().unwrap_or("a message without an id"));
            Ok(StatusCode::BAD_GATEWAY)
        }
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let target = arguments.next().ok_or("give the URL to forward to")?;
    let prefix = arguments.next().unwrap_or_default();
    let route =
        Route { client: reqwest::Client::new(), target, prefix, decoding: cloudevents_kit::decoding() };
    let app = Router::new().route("/", post(forward)).with_state(Arc::new(route));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:8081").await?;
    println!("listening on http://{}", listener.local_addr()?);
    axum::serve(listener, app).await?;
    Ok(())
}
