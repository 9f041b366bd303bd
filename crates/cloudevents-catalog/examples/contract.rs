//! A contract on both sides of a queue: the producer sends nothing that breaks it, and the consumer rejects what others send.
//!
//! Run it with `cargo run -p cloudevents-catalog --example contract --features jsonschema060`.

use cloudevents_catalog::{Catalog, Judge};
use cloudevents_core::{DecodeOptions, Event, Payload};
use cloudevents_transport::{Failure, fake::FakeQueue};
use tokio::sync::mpsc;

const CONTRACT: &str = r#"{"messagegroups": {"shop": {"messages": {"com.example.order": {
    "envelope": "CloudEvents/1.0",
    "envelopemetadata": {"source": {"type": "uritemplate", "value": "/shops/{shop}"}},
    "dataschemaformat": "JsonSchema/draft-07",
    "dataschema": {"type": "object", "required": ["number"]}
}}}}}"#;

fn order(json: &'static str) -> Result<Event, Box<dyn std::error::Error>> {
    let event = Event::builder().id("1").source("/shops/7").ty("com.example.order");
    Ok(event.payload("application/json", Payload::json(json)?).build()?)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let contract = &Catalog::parse(CONTRACT)?;
    let queue = FakeQueue::new();
    let sender = queue.sender();

    // A producer with the contract does not send the second event.
    for event in [order(r#"{"number": 42}"#)?, order("{}")?] {
        match contract.admit(&event) {
            // What cannot be judged is admitted, such as without the feature `jsonschema060`.
            Ok(verdict) if verdict.not_judged().is_some() => println!("not sent: {verdict}"),
            Ok(_) => drop(sender.send(event).await?),
            Err(refused) => println!("not sent: {refused}"),
        }
    }
    // Another producer has none.
    sender.send(order("{}")?).await?;

    let (done, mut handled) = mpsc::unbounded_channel();
    let handle = async |event: Event| -> Result<(), Failure> {
        let admitted = contract.admit(&event);
        done.send(())?;
        // To log it instead, go on here.
        let verdict = admitted.map_err(Failure::reject)?;
        if let Some(reason) = verdict.not_judged() {
            return Err(Failure::reject(reason.to_string()));
        }
        println!("an order of shop {}", verdict.placeholder("shop").unwrap_or_default());
        Ok(())
    };
    let both = async move {
        for _ in 0..2 {
            handled.recv().await;
        }
    };
    queue.receiver(DecodeOptions::strict()).run(handle).until(both).await?;
    for (_, why) in queue.rejected() {
        println!("rejected: {why}");
    }
    Ok(())
}
