//! Forwards events to another server by their type, without decoding them: binary, structured and batched messages stay unchanged, even in
//! formats that this program does not know. It responds when the other server has the message: with 204, with its refusal, or with 503
//! while it is away.
//!
//! ```text
//! cargo run -p example-axum-receiver &
//! cargo run -p example-forwarding-proxy -- http://localhost:8080/events com.example.order.
//! curl -i localhost:8081/ -H 'content-type: application/cloudevents+json' \
//!     -d '{"specversion":"1.0","id":"1","source":"/shop","type":"com.example.order.placed"}'
//! ```

use cloudevents_kit::{Bridge, BridgePolicy, EventFilter, connect_receiver, connect_sender, shutdown_signal};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let target = arguments.next().ok_or("give the URL to forward to")?;
    let prefix = arguments.next().unwrap_or_default();
    // Where the type cannot be read, in a document of an unknown format, the message passes. A batch passes if one of its events does.
    let wanted = EventFilter::new(move |message, with| {
        Ok(message.attribute("type", with)?.is_some_and(|ty| ty.starts_with(&prefix)))
    });
    let receiver = connect_receiver("http://127.0.0.1:8081/").await?.filter(wanted)?;
    let bridge = Bridge::new(receiver, connect_sender(&target).await?, BridgePolicy::default())?;
    println!("listening on http://127.0.0.1:8081");
    bridge.run().until(shutdown_signal()).await?;
    Ok(())
}
