//! What moving an event costs beside receiving, sending and accepting it.

use crate::event;
use cloudevents_core::DecodeOptions;
use cloudevents_testkit::heap;
use cloudevents_transport::{Bridge, bridge::BridgePolicy, fake::FakeQueue};
use std::time::Duration;
use tokio::{runtime, time::sleep};

/// The number of allocations for this many events, by the bridge or by a loop on the same receiver and sender.
fn allocations(count: usize, bridge: bool) -> usize {
    let runtime = runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let (from, to) = (FakeQueue::new(), FakeQueue::new());
    runtime.block_on(from.sender().send_all((0..count).map(event))).unwrap();
    let (mut receiver, sender) =
        runtime.block_on(async { (from.receiver(DecodeOptions::strict()), to.sender()) });
    let heap = heap::of(|| match bridge {
        true => runtime.block_on(async {
            let bridge = Bridge::new(receiver, sender, BridgePolicy::default()).unwrap();
            bridge.run().until(sleep(Duration::from_secs(3600))).await.unwrap();
        }),
        false => runtime.block_on(async {
            for _ in 0..count {
                let delivery = receiver.next().await.unwrap().unwrap();
                sender.send(delivery.message().unwrap()).await.unwrap();
                delivery.accept().await.unwrap();
            }
        }),
    });
    assert_eq!((from.len(), to.len()), (0, count));
    heap.calls
}

#[test]
fn an_event_takes_hardly_more_than_one_allocation_beside_receiving_sending_and_accepting_it() {
    let of_each = |bridge| {
        let (few, many) = (allocations(1_000, bridge), allocations(3_000, bridge));
        (many - few) as f64 / 2_000.0
    };
    let (loops, bridged) = (of_each(false), of_each(true));
    println!("{loops} by a loop, {bridged} by the bridge");
    assert!(bridged - loops <= 1.25, "{bridged} and {loops}");
}
