//! Defines Rust types for payloads, and an enum over several event types: an event becomes the matching
//! variant.
//!
//! ```text
//! cargo run -p example-typed-events
//! ```

use cloudevents_kit::{Error, event_enum, json::Json, prelude::*};
use serde::{Deserialize, Serialize};

#[derive(Debug, Serialize, Deserialize)]
struct OrderPlaced {
    order: u64,
    items: Vec<String>,
}

#[derive(Debug, Serialize, Deserialize)]
struct OrderCancelled {
    order: u64,
    reason: String,
}

impl EventData for OrderPlaced {
    const TYPE: &'static str = "com.example.order.placed";
    type Codec = Json;
}

impl EventData for OrderCancelled {
    const TYPE: &'static str = "com.example.order.cancelled";
    type Codec = Json;
}

event_enum! {
    /// The events of orders.
    #[derive(Debug)]
    enum OrderEvent {
        /// A customer placed an order.
        Placed(OrderPlaced),
        /// A customer cancelled an order.
        Cancelled(OrderCancelled),
    }
}

fn handle(event: Event) -> Result<(), Error> {
    match OrderEvent::try_from(event)? {
        OrderEvent::Placed(placed) => println!("order {}: {:?}", placed.data().order, placed.data().items),
        OrderEvent::Cancelled(cancelled) => {
            println!("order {} cancelled: {}", cancelled.data().order, cancelled.data().reason);
        }
    }
    Ok(())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // The Rust type provides the type, the content type and the payload; the program sets the rest.
    let order = OrderPlaced { order: 42, items: vec!["tea".into(), "cups".into()] };
    let placed = TypedEvent::build(Event::builder().id("1").source("/shop"), order)?;
    println!("{}", String::from_utf8_lossy(&cloudevents_kit::json::encode_lossy(placed.event())));

    handle(placed.into_event())?;
    let cancelled = OrderCancelled { order: 42, reason: "out of tea".into() };
    handle(TypedEvent::build(Event::builder().id("2").source("/shop"), cancelled)?.into_event())?;

    // The error distinguishes an event of another type from a payload that does not match.
    for document in [
        r#"{"specversion":"1.0","id":"3","source":"/shop","type":"com.example.shop.closed"}"#,
        r#"{"specversion":"1.0","id":"4","source":"/shop","type":"com.example.order.cancelled","data":{"order":"42"}}"#,
    ] {
        if let Err(error) = handle(cloudevents_kit::json::decode(document)?) {
            println!("not handled: {error}");
        }
    }
    Ok(())
}
