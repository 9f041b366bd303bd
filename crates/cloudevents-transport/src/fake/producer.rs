//! Sending to a queue in memory: confirms per connection, which may come late or never.

use super::{FakeQueue, Stored, lock};
use crate::{
    Bounds, Carries, Confirmed, Connectivity, Content, InFlight, Outcome, Outgoing, Receipt,
    SenderCapabilities,
    binding::{Permit, Reporter, Transmit, confirms::Confirms},
};
use cloudevents_core::{Error, ErrorKind};
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

/// A sender.
pub(super) struct Producer {
    queue: FakeQueue,
    in_flight: InFlight,
    link: Mutex<Option<Link>>,
    reporter: Reporter,
}

/// A connection and the messages sent over it.
struct Link {
    cuts: u64,
    confirms: Confirms,
}

impl Producer {
    pub(super) fn new(queue: FakeQueue, bounds: Bounds) -> Self {
        let (reporter, _) = Connectivity::channel();
        Self { queue, in_flight: InFlight::new(bounds), link: Mutex::default(), reporter }
    }

    /// Returns the confirms of the connection, which is made if there is none. `None` while connections are
    /// refused.
    fn connect(&self) -> Option<Confirms> {
        let state = lock(&self.queue.0.state);
        let mut link = lock(&self.link);
        if link.as_ref().is_some_and(|link| link.cuts != state.cuts)
            && let Some(lost) = link.take()
        {
            let error = Error::new(ErrorKind::Disconnected).with_detail("the connection was cut");
            lost.confirms.end(&error);
            self.reporter.lost(&error);
        }
        if link.is_none() && state.away.is_none() {
            self.reporter.connected(None);
            *link = Some(Link { cuts: state.cuts, confirms: Confirms::new(Duration::from_secs(60)) });
        }
        link.as_ref().map(|link| link.confirms.clone())
    }

    fn send(&self, confirms: &Confirms, outgoing: &Outgoing, permit: Permit) -> Outcome<Receipt> {
        let result = match (&lock(&self.queue.0.state).refuses, outgoing.content()) {
            (Some(refuses), Content::Message(message)) if refuses(message) => {
                Err(Error::new(ErrorKind::Refused))
            }
            _ => Ok(()),
        };
        let result = result
            .and_then(|()| Stored::outgoing(outgoing))
            .map(|stored| Receipt::new().with_offset(self.queue.push(stored)));
        let (number, outcome) = confirms.add(permit);
        let mut state = lock(&self.queue.0.state);
        if state.holding {
            state.held.push((confirms.clone(), number, result));
        } else {
            drop(state);
            confirms.resolve(number, result);
        }
        outcome
    }
}

impl Transmit for Producer {
    fn capabilities(&self) -> SenderCapabilities {
        let mut capabilities = SenderCapabilities::plain(Confirmed::Accepted)
            .carrying(Carries::KEY.and(Carries::HEADERS).and(Carries::DESTINATION))
            .carrying(Carries::REPLY_TO.and(Carries::CORRELATION).and(Carries::AS_RECEIVED));
        (capabilities.receipts, capabilities.batches) = (true, true);
        capabilities
    }

    async fn enqueue(&self, outgoing: Outgoing) -> Result<Outcome<Receipt>, Error> {
        let mut permit = self.in_flight.room().await;
        permit.charge(outgoing.size());
        let broker = Arc::clone(&self.queue.0);
        loop {
            // Created before the check, so that a change in between is not missed.
            let changed = broker.changed.notified();
            if let Some(confirms) = self.connect() {
                return Ok(self.send(&confirms, &outgoing, permit));
            }
            changed.await;
        }
    }

    fn connectivity(&self) -> Connectivity {
        self.reporter.connectivity()
    }

    /// It refuses nothing but messages.
    fn refuses_message(&self, error: &Error) -> Option<bool> {
        (error.kind() == ErrorKind::Refused).then(|| !error.is_temporary())
    }

    async fn close(&self) -> Result<(), Error> {
        self.in_flight.idle().await;
        Ok(())
    }
}
