//! Receives events with axum: any event on `/events`, orders as a Rust type on `/orders`.
//!
//! ```text
//! cargo run -p example-axum-receiver
//! curl -i localhost:8080/orders -H 'ce-specversion: 1.0' -H 'ce-id: 1' -H 'ce-source: /shop' \
//!     -H 'ce-type: com.example.order.placed' -H 'content-type: application/json' -d '{"order": 42}'
//! ```
//!
//! The response to a request that is not an event is 400, 413 or 415 with an explanation. Try it: leave out a
//! header.

use axum::{Router, http::StatusCode, routing::post};
use cloudevents_kit::{
    http::axum08::{CloudEvent, DecodingLayer, Typed},
    json::Json,
    prelude::*,
};
use serde::{Deserialize, Serialize};

#[derive(Debug, Serialize, Deserialize)]
struct OrderPlaced {
    order: u64,
}

impl EventData for OrderPlaced {
    const TYPE: &'static str = "com.example.order.placed";
    type Codec = Json;
}

async fn any_event(CloudEvent(event): CloudEvent) -> StatusCode {
    println!("{event}");
    StatusCode::NO_CONTENT
}

async fn order(Typed(placed): Typed<OrderPlaced>) -> StatusCode {
    println!("order {} from {}", placed.data().order, placed.event().source());
    StatusCode::NO_CONTENT
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut decoding = DecodeOptions::strict();
    decoding.limits.bytes = 256 * 1024;
    let app = Router::new()
        .route("/events", post(any_event))
        .route("/orders", post(order))
        .layer(DecodingLayer::new(decoding));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
    println!("listening on http://{}", listener.local_addr()?);
    axum::serve(listener, app).await?;
    Ok(())
}
