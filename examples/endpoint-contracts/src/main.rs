//! Opens a sender and a receiver of MQTT and of Kafka from the endpoints of one catalog (xRegistry). Each sends only what the contract of
//! its endpoint allows, and rejects what others send that breaks it.
//!
//! ```text
//! cargo run -p example-endpoint-contracts        # with brokers in this process
//! ```

use cloudevents_catalog::{Catalog, Judge};
use cloudevents_kit::{Payload, connect_receiver, connect_sender, prelude::*};
use cloudevents_testkit::{kafka, mqtt};
use std::{error::Error, time::Duration};

const CATALOG: &str = include_str!("shop.xreg.json");

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let (mqtt, kafka) = (mqtt::Broker::start()?, kafka::Broker::start()?);
    kafka.create_topic("history", 1)?;
    let (mqtt_url, servers) = (mqtt.url(""), kafka.bootstrap_servers());
    let catalog = Catalog::parse(CATALOG)?;
    for name in ["telemetry", "history"] {
        exchange(&catalog, name, port(&mqtt_url), port(servers)).await?;
    }
    Ok(())
}

fn port(address: &str) -> &str {
    address.rsplit_once(':').map_or("", |(_, port)| port.trim_end_matches('/'))
}

/// Sends an event from one endpoint to the other, and events that break the contract.
async fn exchange(catalog: &Catalog, name: &str, mqtt: &str, kafka: &str) -> Result<(), Box<dyn Error>> {
    let endpoint = |side: &str| {
        let endpoint = catalog.endpoint(&format!("{name}.{side}")).ok_or("there is no such endpoint")?;
        Ok::<_, &str>(endpoint.with("mqttport", mqtt).with("kafkaport", kafka).with("fridge", "7"))
    };
    let (out, into) = (endpoint("out")?, endpoint("in")?);
    // What the catalog leaves to the program: here, rejected messages are dropped.
    let mut receiver = connect_receiver(&into.receiver_url(&[("reject", "drop")])?).await?;
    let sender = connect_sender(&out.sender_url(&[])?).await?;

    let reading = |id: &str, data: &'static str| -> Result<Event, Box<dyn Error>> {
        let event = Event::builder().id(id).source("/fridges/7").ty("com.example.temperature");
        Ok(event.payload("application/json", Payload::json(data)?).build()?)
    };
    let (good, bad) = (reading("1", r#"{"celsius": 4.5}"#)?, reading("2", r#"{"celsius": "cold"}"#)?);
    match out.admit(&bad) {
        Ok(_) => return Err("the contract allows anything".into()),
        Err(refused) => println!("{name}: not sent: {refused}"),
    }
    // Another producer does not look at the contract.
    sender.send(&bad).await?;
    // A payload that cannot be judged is admitted, such as without the feature `jsonschema060`.
    if let Some(reason) = out.admit(&good)?.not_judged() {
        return Err(reason.to_string().into());
    }
    sender.send(&good).await?;

    for expected in [false, true] {
        let next = tokio::time::timeout(Duration::from_secs(30), receiver.next()).await??;
        let delivery = next.ok_or("the messages have ended")?;
        let admitted = into.admit(&delivery.event()?);
        if admitted.is_ok() != expected {
            return Err(format!("{name}: {admitted:?}").into());
        }
        match admitted {
            Ok(verdict) if verdict.not_judged().is_some() => delivery.reject(verdict.to_string()).await?,
            Ok(verdict) => {
                println!("{name}: from fridge {}", verdict.placeholder("fridge").unwrap_or_default());
                delivery.accept().await?;
            }
            Err(refused) => {
                println!("{name}: rejected: {refused}");
                delivery.reject(refused.to_string()).await?;
            }
        }
    }
    receiver.drain(Duration::from_secs(10)).await?;
    sender.close().await?;
    Ok(())
}
