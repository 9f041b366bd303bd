//! Heap allocations of sending.

use crate::event;
use cloudevents_core::Error;
use cloudevents_testkit::heap;
use cloudevents_transport::{
    Confirmed, Outcome, Outgoing, Receipt, Sender, SenderCapabilities, Transmit, Tried,
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
        unreachable!("there is always room")
    }

    fn try_enqueue(&self, _: Outgoing) -> Tried {
        let receipt = match &self.receipt {
            Some(place) => Receipt::new().with_place(Arc::clone(place)).with_partition(1).with_offset(2),
            None => Receipt::new(),
        };
        if !self.channel {
            return Tried::Done(Ok(Outcome::ready(Ok(receipt))));
        }
        let (resolver, outcome) = Outcome::channel();
        resolver.resolve(Ok(receipt));
        Tried::Done(Ok(outcome))
    }

    async fn close(&self) -> Result<(), Error> {
        Ok(())
    }
}

/// A plain event costs only its confirmation: nothing, or the one allocation of a channel. A receipt adds
/// nothing.
#[test]
fn a_plain_send_and_a_receipt_allocate_nothing() {
    let event = event(1);
    let _shared = event.clone(); // the first clone makes the text of an event shareable
    for (channel, receipt, expected) in
        [(false, false, 0), (false, true, 0), (true, false, 1), (true, true, 1)]
    {
        let receipt = receipt.then(|| Arc::from("orders"));
        let sender = Sender::new(Immediate { channel, receipt });
        let heap = heap::of(|| sender.send(&event).now_or_never().unwrap().unwrap());
        assert_eq!(heap.calls, expected, "{channel}: {heap:?}");
    }
}

/// A bridge has many of these, and moves each when it begins. The message is in there once, beside the outcome.
#[test]
fn the_future_of_a_send_is_little_larger_than_its_message() {
    let sender = Sender::new(Immediate { channel: false, receipt: None });
    let message = size_of::<Outgoing>();
    let future = size_of_val(&sender.send(&event(1)));
    assert!(future < message + 320, "{future}, of which {message} are the message");
}
