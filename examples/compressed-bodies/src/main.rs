//! Accepts requests whose body is compressed. The events crate refuses a `Content-Encoding` that nobody undid (415); a layer of
//! tower-http undoes it before the event is read, and the limit on bytes then holds for what the body inflates to.
//!
//! ```text
//! cargo run -p example-compressed-bodies
//! printf '{"specversion":"1.0","id":"1","source":"/s","type":"t"}' | gzip |
//!     curl -i localhost:8082/ -H 'content-type: application/cloudevents+json' -H 'content-encoding: gzip' --data-binary @-
//! head -c 100000000 /dev/zero | gzip |
//!     curl -i localhost:8082/ -H 'content-type: application/cloudevents+json' -H 'content-encoding: gzip' --data-binary @-
//! ```

use axum::{Router, http::StatusCode, routing::post};
use cloudevents_kit::{
    http::axum08::{CloudEvent, DecodingLayer},
    prelude::*,
};
use tower::ServiceBuilder;
use tower_http::decompression::RequestDecompressionLayer;

async fn receive(CloudEvent(event): CloudEvent) -> StatusCode {
    println!("{}: {}", event.key(), event.ty());
    StatusCode::NO_CONTENT
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut decoding = Decoding::strict();
    decoding.limits.bytes = 1 << 20;
    let layers =
        ServiceBuilder::new().layer(RequestDecompressionLayer::new()).layer(DecodingLayer::new(decoding));
    let app = Router::new().route("/", post(receive)).layer(layers);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:8082").await?;
    println!("listening on http://{}", listener.local_addr()?);
    axum::serve(listener, app).await?;
    Ok(())
}
