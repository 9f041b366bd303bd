//! Heap allocations of sending.

use crate::event;
use cloudevents_core::Error;
use cloudevents_testkit::heap;
use cloudevents_transport::{
    Confirmed, Outcome, Outgoing, Receipt, Sender, SenderCapabilities, binding::Transmit,
};
use futures_util::FutureExt;
use std::sync::Arc;

#[global_allocator]
static COUNTING: heap::Counting = heap::Counting;

/// Takes every message at once, and confirms it at once or through a channel, with or without a receipt.
struct Immediate {
    channel: bool,
    receipt: Option<Arc<str>>,
}

impl Transmit for Immediate {
    fn capabilities(&self) -> SenderCapabilities {
        SenderCapabilities::plain(Confirmed::Accepted)
    }

    async fn enqueue(&self, _: Outgoing) -> Result<Outcome<Receipt>, Error> {
        let receipt = match &self.receipt {
            Some(place) => Receipt::new().with_place(Arc::clone(place)).with_partition(1).with_offset(2),
            None => Receipt::new(),
        };
        if !self.channel {
            return Ok(Outcome::ready(Ok(receipt)));
        }
        let (resolver, outcome) = Outcome::channel();
        resolver.resolve(Ok(receipt));
        Ok(outcome)
    }

    async fn close(&self) -> Result<(), Error> {
        Ok(())
    }
}

/// A plain event costs the future of the binding and its confirmation: nothing, or the one allocation of a channel. A receipt adds
/// nothing.
#[test]
fn a_send_allocates_a_future_and_a_receipt_nothing() {
    let event = event(1);
    let _shared = event.clone(); // the first clone makes the text of an event shareable
    for (channel, receipt, expected) in
        [(false, false, 1), (false, true, 1), (true, false, 2), (true, true, 2)]
    {
        let receipt = receipt.then(|| Arc::from("orders"));
        let sender = Sender::new(Immediate { channel, receipt });
        let heap = heap::of(|| sender.send(&event).now_or_never().unwrap().unwrap());
        assert_eq!(heap.calls, expected, "{channel}: {heap:?}");
    }
}
