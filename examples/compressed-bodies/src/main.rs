//! Accepts request bodies compressed with gzip or zstd. Decompresses them as they arrive, with a limit on the
//! decompressed size.
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
    http::{
        Decompression,
        axum08::{CloudEvent, DecodingLayer},
    },
    prelude::*,
};

async fn receive(CloudEvent(event): CloudEvent) -> StatusCode {
    println!("{}: {}", event.key(), event.ty());
    StatusCode::NO_CONTENT
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut decoding = DecodeOptions::strict();
    decoding.limits.bytes = 1 << 20;
    let layer = DecodingLayer::new(decoding).decompression(Decompression::all().max_ratio(100));
    let app = Router::new().route("/", post(receive)).layer(layer);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:8082").await?;
    println!("listening on http://{}", listener.local_addr()?);
    axum::serve(listener, app).await?;
    Ok(())
}
