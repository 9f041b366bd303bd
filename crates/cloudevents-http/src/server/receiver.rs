//! The receiving end of an exchange.

use super::{
    exchange::{Exchange, Shared},
    options::HttpReceiverOptions,
    waiting::{Ending, Waiting},
};
use cloudevents_core::{Error, ErrorKind};
use cloudevents_transport::{InFlight, Incoming, Receive, Receiver, ReceiverCapabilities, ReceiverOptions};
use std::{
    fmt,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};
use tokio::{
    sync::mpsc::{self, error::TryRecvError},
    time::timeout,
};

/// The messages of the requests that an [`Exchange`] was given.
///
/// Dropping it makes the exchange respond with 503.
pub struct ExchangeReceiver {
    options: ReceiverOptions,
    in_flight: InFlight,
    queue: mpsc::UnboundedReceiver<Incoming>,
    /// Dropped after the queue, whose messages have an answer of their own.
    waiting: Ending,
}

impl ExchangeReceiver {
    pub(super) fn open(mut options: HttpReceiverOptions) -> (Exchange, Self) {
        // A receiver reads documents with the formats it is given.
        let formats = &mut options.receiver.decoding.formats;
        *formats = cloudevents_json::with_json(std::mem::take(formats));
        let in_flight = InFlight::new(options.receiver.in_flight);
        let (into_queue, queue) = mpsc::unbounded_channel();
        let waiting = Arc::<Waiting>::default();
        let receiver = options.receiver.clone();
        let shared = Shared {
            options,
            in_flight: in_flight.clone(),
            queue: into_queue,
            waiting: Arc::clone(&waiting),
        };
        (Exchange(Arc::new(shared)), Self { options: receiver, in_flight, queue, waiting: Ending(waiting) })
    }

    /// Converts it into the receiver that deliveries come from, with the options of the exchange.
    pub fn into_receiver(self) -> Receiver {
        let options = self.options.clone();
        Receiver::new(self, options)
    }

    #[cfg(feature = "server")]
    pub(super) fn options(&self) -> &ReceiverOptions {
        &self.options
    }

    /// Ends the wait for settlements.
    pub(super) fn give_up(&self) -> Error {
        self.waiting.end();
        let detail = match self.in_flight.used().messages {
            0 => "clients have not read the last responses".to_owned(),
            messages => format!("{messages} messages are not settled"),
        };
        Error::new(ErrorKind::Timeout).with_detail(detail)
    }
}

impl Receive for ExchangeReceiver {
    fn capabilities(&self) -> ReceiverCapabilities {
        ReceiverCapabilities::exchange()
    }

    async fn next(&mut self) -> Result<Option<Incoming>, Error> {
        Ok(self.queue.recv().await)
    }

    fn try_next(&mut self) -> Option<Result<Option<Incoming>, Error>> {
        match self.queue.try_recv() {
            Ok(incoming) => Some(Ok(Some(incoming))),
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Disconnected) => Some(Ok(None)),
        }
    }

    fn poll_next(&mut self, context: &mut Context<'_>) -> Option<Poll<Result<Option<Incoming>, Error>>> {
        Some(self.queue.poll_recv(context).map(Ok))
    }

    /// From now on, requests get 503.
    async fn drain(&mut self, deadline: Duration) -> Result<(), Error> {
        self.queue.close();
        self.waiting.0.drain();
        let settled = async {
            while self.queue.recv().await.is_some() {}
            self.in_flight.idle().await;
        };
        match timeout(deadline, settled).await {
            Ok(()) => Ok(()),
            Err(_) => Err(self.give_up()),
        }
    }
}

impl fmt::Debug for ExchangeReceiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExchangeReceiver").field("in_flight", &self.in_flight).finish_non_exhaustive()
    }
}
