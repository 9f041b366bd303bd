//! Subscribes to topics of Dapr with axum: orders one by one, readings in bulk.
//!
//! ```text
//! dapr run --app-id subscriber --app-port 3000 -- cargo run -p example-dapr-subscriber
//! dapr publish --publish-app-id subscriber --pubsub pubsub --topic orders --data '{"order": 42}'
//! ```
//!
//! Without Dapr, the requests that Dapr would make:
//!
//! ```text
//! cargo run -p example-dapr-subscriber
//! curl localhost:3000/dapr/subscribe
//! curl localhost:3000/orders -H 'content-type: application/cloudevents+json' \
//!     -d '{"specversion": "1.0", "id": "1", "source": "Dapr", "type": "com.dapr.event.sent", "data": {"order": 42}}'
//! ```

use axum::{
    Json, Router,
    body::Bytes,
    http::StatusCode,
    routing::{get, post},
};
use cloudevents_kit::{
    DecodeOptions,
    http::{
        axum08::CloudEvent,
        dapr::{Bulk, Status, Statuses, Subscription},
    },
};

async fn subscriptions() -> Json<[Subscription; 2]> {
    let orders = Subscription::new("pubsub", "orders", "/orders").dead_letter_topic("rejected");
    Json([orders, Subscription::new("pubsub", "readings", "/readings").bulk(Some(100), None)])
}

/// An order without a payload is dropped: it goes to the topic `rejected`. Other failures would be `Status::Retry`.
async fn order(CloudEvent(event): CloudEvent) -> Json<Status> {
    println!("{event}");
    Json(if event.data().is_some() { Status::Success } else { Status::Drop })
}

async fn readings(body: Bytes) -> Result<Json<Statuses>, StatusCode> {
    let bulk = Bulk::parse(&body, &DecodeOptions::strict()).map_err(|_| StatusCode::BAD_REQUEST)?;
    println!("{} readings of {}", bulk.entries.len(), bulk.topic);
    let statuses = bulk.entries.into_iter().map(|entry| match entry.event {
        Ok(_) => (entry.id, Status::Success),
        Err(_) => (entry.id, Status::Drop),
    });
    Ok(Json(statuses.collect()))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let app = Router::new()
        .route("/dapr/subscribe", get(subscriptions))
        .route("/orders", post(order))
        .route("/readings", post(readings));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    println!("listening on http://{}", listener.local_addr()?);
    axum::serve(listener, app).await?;
    Ok(())
}
