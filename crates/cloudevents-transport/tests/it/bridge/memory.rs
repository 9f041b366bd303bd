//! What moving an event costs beside receiving, sending and accepting it.

use crate::{event, events};
use cloudevents_core::{DecodeOptions, Error, ErrorKind, Event, Message};
use cloudevents_json::Json;
use cloudevents_testkit::heap;
use cloudevents_transport::{
    Bridge, Carries, Confirmed, Outcome, Outgoing, Receipt, Sender, SenderCapabilities, binding::Transmit,
    bridge::BridgePolicy, fake::FakeQueue,
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
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

/// Takes no batches, and keeps nothing. Counts the bytes that it is given.
#[derive(Clone, Default)]
struct Forgetful {
    refuses: bool,
    bytes: Arc<AtomicUsize>,
}

impl Transmit for Forgetful {
    fn capabilities(&self) -> SenderCapabilities {
        SenderCapabilities::plain(Confirmed::Accepted).carrying(Carries::HEADERS)
    }

    async fn enqueue(&self, outgoing: Outgoing) -> Result<Outcome<Receipt>, Error> {
        self.bytes.fetch_add(outgoing.size(), Ordering::Relaxed);
        let refused = || Err(Error::new(ErrorKind::Unsupported).with_detail("it has to be refused"));
        if self.refuses { refused() } else { Ok(Outcome::ready(Ok(Receipt::new()))) }
    }

    async fn close(&self) -> Result<(), Error> {
        Ok(())
    }
}

/// A request over HTTP may have headers of 400 KB, and ten thousand events.
#[test]
fn the_headers_of_a_batch_take_memory_once_however_many_events_it_has() {
    let (count, size) = (1_000, 100_000);
    let batch = Message::batched(&events(count).collect::<Vec<Event>>(), &Json::new()).unwrap().0;
    for refuses in [false, true] {
        let runtime =
            runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let (from, target, place) =
            (FakeQueue::new(), Forgetful { refuses, ..Forgetful::default() }, Forgetful::default());
        let message = Outgoing::from(&batch).header("x", "x".repeat(size));
        runtime.block_on(from.sender().send(message)).unwrap();
        let mut policy = BridgePolicy::default();
        policy.dead_letters = Some(Sender::new(place.clone()));
        let receiver = runtime.block_on(async { from.receiver(DecodeOptions::strict()) });
        let bridge = Bridge::new(receiver, Sender::new(target.clone()), policy).unwrap();
        let moving = async { bridge.run().until(sleep(Duration::from_secs(60))).await.unwrap() };
        let heap = heap::of(|| runtime.block_on(moving));
        let moved = if refuses { &place } else { &target };
        assert!(moved.bytes.load(Ordering::Relaxed) > count * size && from.is_empty());
        println!("{heap:?}");
        assert!(heap.peak < 5_000_000, "{heap:?}");
    }
}
