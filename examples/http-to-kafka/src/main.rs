//! Receives events over HTTP and sends them to a Kafka topic without decoding them: documents and payloads
//! stay unchanged, even in formats that this program does not know. It responds with 204 when the brokers have the
//! record, with 503 while they cannot be reached, and with 4xx to what nothing marks as an event.
//! Kafka has no batches: their events are sent one by one.
//!
//! ```text
//! cargo run -p example-http-to-kafka        # with a broker in this process and sample events
//! cargo run -p example-http-to-kafka -- 'kafka://localhost:9092/events?key=partitionkey' http://127.0.0.1:8080/
//! ```

mod trial;

use cloudevents_kit::{
    Bridge, BridgePolicy, connect_sender, http::HttpReceiver, shutdown_signal, transport::ReceiverOptions,
};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let Some(topic) = arguments.next() else { return trial::run().await };
    let listen = arguments.next().unwrap_or_else(|| "http://127.0.0.1:8080/".to_owned());
    let sender = connect_sender(&topic).await?;
    let server =
        HttpReceiver::bind(&listen, ReceiverOptions::from(cloudevents_kit::decoding()).into()).await?;
    println!("listening at {}", server.url());
    let bridge = Bridge::new(server.into_receiver(), sender, BridgePolicy::default())?;
    let status = bridge.status();
    // At the end it waits for what is in flight, and closes the sender.
    bridge.run().until(shutdown_signal()).await?;
    println!("{}", status.received());
    Ok(())
}
