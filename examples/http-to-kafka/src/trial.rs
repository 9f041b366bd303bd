//! Runs the forwarder with a broker in this process and sample messages.

use cloudevents_kit::{
    Bridge, Document, FormatId, Payload, Sender, connect_sender,
    http::HttpReceiver,
    prelude::*,
    transport::{ReceiverOptions, bridge::BridgePolicy},
};
use cloudevents_testkit::kafka::Broker;
use std::error::Error;

/// Posts messages of every kind, and checks the resulting records.
pub(crate) async fn run() -> Result<(), Box<dyn Error>> {
    let broker = Broker::start()?;
    broker.create_topic("events", 1)?;
    let to_kafka = connect_sender(&broker.url("events")).await?;
    let options = ReceiverOptions::from(cloudevents_kit::decoding()).into();
    let server = HttpReceiver::bind("http://127.0.0.1:0/", options).await?;
    println!("from {} to {}", server.url(), broker.url("events"));
    let client = connect_sender(&server.url()).await?;
    let receiver = server.into_receiver();
    let posted = async { post(&client).await.map_err(|error| error.to_string()) };
    let mut result = Ok(());
    let bridge = Bridge::new(receiver, to_kafka, BridgePolicy::default())?;
    bridge.run().until(async { result = posted.await }).await?;
    result?;

    let records = broker.messages("events")?;
    for record in &records {
        let content_type = record.header("content-type").unwrap_or_default();
        let value = record.value.as_deref().unwrap_or_default();
        let (content_type, value) = (String::from_utf8_lossy(content_type), String::from_utf8_lossy(value));
        println!("{}: {content_type}: {value}", record.offset);
    }
    let header = |index: usize, name| records.get(index).and_then(|record| record.header(name));
    let value = |index: usize| records.get(index).and_then(|record| record.value.as_deref());
    check(records.len() == 5, "a record of each message, and of each event of the batch")?;
    check(header(4, "ce_id") == Some(b"5"), "events of a batch keep their order")?;
    check(header(0, "ce_id") == Some(b"1"), "attributes are in record headers")?;
    check(value(0) == Some(PAYLOAD.as_bytes()), "the payload has its digits and blanks")?;
    check(value(1) == Some(DOCUMENT.as_bytes()), "the document has its blanks and its order")?;
    check(header(2, "content-type") == Some(b"application/cloudevents+toml"), "the format is still unknown")?;
    check(value(2) == Some(TOML.as_bytes()), "and its document the same")
}

const PAYLOAD: &str = "{ \"total\": 1.10 }";
const DOCUMENT: &str = "{ \"type\": \"t\", \"source\": \"/s\", \"id\": \"2\", \"specversion\": \"1.0\" }\n";
const BATCH: &str = r#"[{"specversion":"1.0","id":"4","source":"/s","type":"t"},{"specversion":"1.0","id":"5","source":"/s","type":"t"}]"#;
const TOML: &str = "id = \"3\"\nsource = \"/s\"\n";

async fn post(client: &Sender) -> Result<(), Box<dyn Error>> {
    let event =
        Event::builder().id("1").source("/s").ty("t").payload("application/json", Payload::json(PAYLOAD));
    client.send(&event.build()?).await?;
    client.send(Message::Structured(Document::new(FormatId::JSON, DOCUMENT))).await?;
    client.send(Message::Structured(Document::new(FormatId::new("toml"), TOML))).await?;
    client.send(Message::Batched(Document::new(FormatId::JSON, BATCH))).await?;
    Ok(())
}

fn check(holds: bool, what: &str) -> Result<(), Box<dyn Error>> {
    if holds { Ok(()) } else { Err(format!("this does not hold: {what}").into()) }
}

#[cfg(test)]
mod tests {
    #[tokio::test]
    async fn messages_move_as_they_came() {
        super::run().await.unwrap();
    }
}
