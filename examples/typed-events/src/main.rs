//! Rust types for payloads, and an enum over several event types: one event in, the right variant out.
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
    /// What happens to orders.
    #[derive(Debug)]
    enum OrderEvent {
        /// A customer placed one.
        Placed(OrderPlaced),
        /// A customer cancelled one.
        Cancelled(OrderCancelled),
    }
}

fn handle(event: Event) -> Result<(), Error> {
    match OrderEvent::try_from(event)? {
        OrderEvent::Placed(placed) => println!("order {}: {:?}", placed.data().order, placed.data().items),
        OrderEvent::Cancelled(cancelled) => {
            println!("order {} is off: {}", cancelled.data().order, cancelled.data().reason);
        }
    }
    Ok(())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // The type, the content type and the payload come from the Rust type; the rest is said.
    let order = OrderPlaced { order: 42, items: vec!["tea".into(), "cups".into()] };
    let placed = TypedEvent::build(Event::builder().id("1").source("/shop"), order)?;
    println!("{}", String::from_utf8_lossy(&cloudevents_kit::json::encode(placed.event())));

    handle(placed.into_event())?;
    let cancelled = OrderCancelled { order: 42, reason: "out of tea".into() };
    handle(TypedEvent::build(Event::builder().id("2").source("/shop"), cancelled)?.into_event())?;

    // An event of another type, and one whose payload does not fit, are told apart.
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
