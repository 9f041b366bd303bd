//! A price service over NATS: a request is an event, and so is its reply. Instances share the requests in a
//! queue group; start as many as needed.
//!
//! ```text
//! cargo run -p example-nats-request-reply       # with a server in this process, two instances and a client
//! cargo run -p example-nats-request-reply -- nats://localhost/prices      # one instance, until Ctrl-C
//! ```

mod prices;
mod trial;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let Some(url) = std::env::args().nth(1) else { return trial::run().await };
    Ok(prices::serve(&url, cloudevents_kit::transport::shutdown_signal()).await?)
}
