//! Sends an event with reqwest, in binary and in structured mode.
//!
//! ```text
//! cargo run -p example-axum-receiver &
//! cargo run -p example-reqwest-producer -- http://localhost:8080/events
//! ```

use cloudevents_kit::{http::reqwest013::RequestBuilderExt, json::Json, prelude::*};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = std::env::args().nth(1).ok_or("give the URL to send to")?;
    let event = Event::builder()
        .random_id()
        .time_now()
        .source("https://example.com/orders")
        .ty("com.example.order.placed")
        .subject("orders/42")
        .json(&serde_json::json!({"order": 42, "total": 129.95}))
        .build()?;

    let client = reqwest::Client::new();
    let response = client.post(&url).event(&event).send().await?;
    println!("binary mode: {}", response.status());
    let response = client.post(&url).structured_event(&event, &Json::new()).send().await?;
    println!("structured mode: {}", response.status());
    Ok(())
}
