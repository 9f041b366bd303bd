//! Receives events over HTTP and sends them to a Kafka topic without decoding them: documents and payloads
//! stay unchanged, even in formats that this program does not know. It responds when the brokers have the
//! record.
//!
//! ```text
//! cargo run -p example-http-to-kafka        # with a broker in this process and sample events
//! cargo run -p example-http-to-kafka -- 'kafka://localhost:9092/events?key=partitionkey' http://127.0.0.1:8080/
//! ```

mod forward;
mod trial;

use cloudevents_kit::{
    connect_sender,
    http::HttpReceiver,
    transport::{ReceiverOptions, shutdown_signal},
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
    let receiver = server.into_receiver();
    let counters = receiver.counters();
    forward::run(receiver, &sender, shutdown_signal()).await?;
    println!("{}", counters.snapshot());
    sender.close().await?;
    Ok(())
}
