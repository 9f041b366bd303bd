//! Nothing grows with the number of connections: a connection leaves nothing that is still there when thousands have followed.

use crate::event;
use cloudevents_core::{Decoded, Error, Event, Message};
use cloudevents_testkit::heap;
use cloudevents_transport::{
    Failure, Outcome, Raw, Received, Receiver, ReceiverCapabilities, ReceiverOptions, Settlement,
    binding::{Incoming, Owner, Ownership, Receive, Settle, Token},
};
use std::time::Duration;
use tokio::{
    runtime::Builder,
    time::{Instant, sleep_until},
};
use tracing::subscriber::{NoSubscriber, set_default};

/// How long a connection lasts.
const SHORT: Duration = Duration::from_millis(100);

/// A source of short connections. Over each come two messages, which go elsewhere with it if they are not settled.
struct Short {
    connections: u32,
    left: u32,
    due: Instant,
    owner: Owner,
    has_first: bool,
}

impl Receive for Short {
    fn capabilities(&self) -> ReceiverCapabilities {
        ReceiverCapabilities::queue()
    }

    async fn next(&mut self) -> Result<Option<Incoming>, Error> {
        if !self.has_first {
            sleep_until(self.due).await;
            (self.due, self.owner) = (Instant::now() + SHORT, Owner::new());
            if self.left == 0 {
                return Ok(None);
            }
            self.left -= 1;
        }
        self.has_first = !self.has_first;
        let name = if self.has_first { "good" } else { "bad" };
        let message = Message::from(event(format!("{name} {}", self.connections - self.left)));
        let received = Received::new(Ok(Decoded::clean(message)), Raw::default());
        Ok(Some(Incoming::new(received, Token::new(Lent(self.owner.ownership())))))
    }

    async fn drain(&mut self, _: Duration) -> Result<(), Error> {
        Ok(())
    }
}

struct Lent(Ownership);

impl Settle for Lent {
    fn settle(self: Box<Self>, _: Settlement) -> Outcome {
        Outcome::done()
    }

    fn ownership(&self) -> Option<&Ownership> {
        Some(&self.0)
    }
}

/// The most bytes of the heap while there are so many connections.
fn most_with(connections: u32) -> isize {
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    // The log of other tests would keep its lines.
    let _silent = set_default(NoSubscriber::new());
    let heap = heap::of(|| {
        runtime.block_on(async {
            let (due, owner) = (Instant::now(), Owner::new());
            let source = Short { connections, left: connections, due, owner, has_first: false };
            let receiver = Receiver::new(source, ReceiverOptions::default());
            let handle = async |event: Event| -> Result<(), Failure> {
                if event.id().starts_with("bad") { Err("a bug")? } else { Ok(()) }
            };
            receiver.run(handle).await.unwrap();
        })
    });
    heap.peak
}

#[test]
fn ten_thousand_short_connections_take_no_more_than_a_few_thousand() {
    let (some, many) = (most_with(2_000), most_with(10_000));
    assert!(some > 10_000, "nothing is remembered: {some}");
    assert!(many < some + some / 10, "{some} bytes with 2,000 connections, {many} with 10,000");
}
