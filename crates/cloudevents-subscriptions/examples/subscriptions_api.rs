//! Serves the Subscriptions API from memory: `cargo run --example subscriptions_api --features axum08 [ADDRESS]`.
//!
//! It prints its URL. With port 0, the default, it uses any free port.

use cloudevents_subscriptions::{InMemory, axum08::Api};
use std::{env::args, io};

#[tokio::main]
async fn main() -> io::Result<()> {
    let address = args().nth(1).unwrap_or_else(|| "127.0.0.1:0".to_owned());
    let listener = tokio::net::TcpListener::bind(address).await?;
    println!("http://{}/v0.1", listener.local_addr()?);
    let app = axum::Router::new().nest("/v0.1", Api::new(InMemory::new(10_000)).into_router());
    axum::serve(listener, app).await
}
