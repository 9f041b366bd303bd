//! The receiving end of an exchange.

use super::{
    exchange::{Exchange, Shared, Stage},
    options::HttpReceiverOptions,
    reading::Readings,
};
use cloudevents_core::{Error, ErrorKind};
use cloudevents_transport::{
    InFlight, Receiver, ReceiverCapabilities, ReceiverOptions,
    binding::{Incoming, Receive},
};
use std::{fmt, sync::Arc, time::Duration};
use tokio::{
    sync::{mpsc, watch},
    time::timeout,
};

/// The messages of the requests that an [`Exchange`] was given.
///
/// Dropping it makes the exchange respond with 503.
pub struct ExchangeReceiver {
    options: ReceiverOptions,
    in_flight: InFlight,
    readings: Arc<Readings>,
    queue: mpsc::UnboundedReceiver<Incoming>,
    /// Dropped after the queue, whose messages have an answer of their own.
    stage: watch::Sender<Stage>,
}

impl ExchangeReceiver {
    pub(super) fn open(mut options: HttpReceiverOptions) -> (Exchange, Self) {
        // A receiver reads documents with the formats it is given.
        let formats = &mut options.receiver.decoding.formats;
        *formats = cloudevents_json::with_json(std::mem::take(formats));
        let in_flight = InFlight::new(options.receiver.in_flight);
        let (into_queue, queue) = mpsc::unbounded_channel();
        let (stage, observed) = watch::channel(Stage::Open);
        let (receiver, readings) = (options.receiver.clone(), Arc::<Readings>::default());
        let shared = Shared {
            options,
            in_flight: in_flight.clone(),
            queue: into_queue,
            stage: observed,
            readings: Arc::clone(&readings),
        };
        (Exchange(Arc::new(shared)), Self { options: receiver, in_flight, readings, queue, stage })
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

    /// How far draining is, to observe.
    #[cfg(feature = "server")]
    pub(super) fn stage(&self) -> watch::Receiver<Stage> {
        self.stage.subscribe()
    }

    /// Ends the wait for settlements.
    pub(super) fn give_up(&self) -> Error {
        self.stage.send_replace(Stage::Over);
        let requests = self.readings.count();
        let detail = match self.in_flight.used().messages.saturating_sub(requests) {
            0 if requests == 0 => "clients have not read the last responses".to_owned(),
            0 if requests == 1 => "1 request has not arrived completely".to_owned(),
            0 => format!("{requests} requests have not arrived completely"),
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

    /// From now on, requests get 503.
    async fn drain(&mut self, deadline: Duration) -> Result<(), Error> {
        self.queue.close();
        self.stage
            .send_if_modified(|stage| std::mem::replace(stage, (*stage).max(Stage::Draining)) == Stage::Open);
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
