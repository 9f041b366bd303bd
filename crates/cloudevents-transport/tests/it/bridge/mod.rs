//! Bridges.

mod changing;
mod converting;
mod ends;
mod letters;
mod memory;
mod moving;
mod outages;
mod redriving;
mod simulation;
mod situations;
mod slow_targets;
mod stalling;
mod table;
mod world;

use cloudevents_core::{DecodeOptions, Formats};
use cloudevents_json::Json;
use cloudevents_transport::{
    Bridge, Delivery, Receiver, Sender,
    bridge::{BridgePolicy, BridgeStatus},
    fake::FakeQueue,
};
use std::time::Duration;
use tokio::time::{sleep, timeout};

fn with() -> DecodeOptions {
    DecodeOptions::strict().with_formats(Formats::none().with(Json::new()))
}

/// Runs a bridge for an hour of virtual time.
async fn run(from: &FakeQueue, to: &FakeQueue, policy: BridgePolicy) -> BridgeStatus {
    run_with(from.receiver(with()), to.sender(), policy).await
}

async fn run_with(from: Receiver, to: Sender, policy: BridgePolicy) -> BridgeStatus {
    let bridge = Bridge::new(from, to, policy).unwrap();
    let status = bridge.status();
    bridge.run().until(sleep(Duration::from_secs(3600))).await.unwrap();
    status
}

/// Everything in a queue.
async fn all(queue: &FakeQueue) -> Vec<Delivery> {
    let mut receiver = queue.receiver(with());
    let mut found = Vec::new();
    while let Ok(next) = timeout(Duration::from_secs(1), receiver.next()).await {
        found.push(next.unwrap().unwrap());
    }
    found
}
