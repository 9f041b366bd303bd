//! A receiver from an address of a broker.

use super::{
    connection::runtime,
    failure,
    link::Owner,
    options::{AmqpConnection, Target},
};
use cloudevents_core::{Decoding, Error, ErrorKind};
use cloudevents_transport::{Endpoint, Incoming, Intake, Receiver, ReceiverOptions};
use futures_util::{FutureExt, TryFutureExt, future::BoxFuture};
use std::{fmt, sync::Arc, time::Duration};
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinHandle,
    time::{sleep, timeout},
};

/// The options that the URL of a receiver may have, besides those that say how to connect.
const OPTIONS: &[&str] = &["prefetch"];

/// What is handed over ahead at most, within what is prefetched: so that the task and the user do not take turns at each message.
const AHEAD: usize = 64;

/// Bytes of a message besides its body.
const ENVELOPE: usize = 1 << 20;

/// How an [`AmqpReceiver`] receives.
///
/// ```
/// use cloudevents_amqp::fe2o3_amqp018::AmqpReceiverOptions;
/// use cloudevents_core::Decoding;
///
/// let mut options = AmqpReceiverOptions::from(Decoding::strict());
/// options.receiver.in_flight.messages = 100;
/// options.prefetch = Some(10);
/// ```
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct AmqpReceiverOptions {
    /// How to connect.
    pub connection: AmqpConnection,
    /// Decoding, policy, and what may be in flight: given out by the broker and not settled. JSON is understood without being among the
    /// formats.
    pub receiver: ReceiverOptions,
    /// The link credit: messages that the broker may send ahead, within what may be in flight. The option `prefetch` of the URL goes
    /// before it. Default: 256.
    pub prefetch: Option<u32>,
    /// The largest message, in bytes, which the broker is told. One that is larger all the same ends the link. Default: the
    /// [limit](cloudevents_core::Limits::bytes) of the decoding and 1 MiB.
    pub max_message_size: Option<u64>,
}

impl From<ReceiverOptions> for AmqpReceiverOptions {
    fn from(receiver: ReceiverOptions) -> Self {
        Self { receiver, ..Self::default() }
    }
}

impl From<Decoding> for AmqpReceiverOptions {
    fn from(decoding: Decoding) -> Self {
        ReceiverOptions::from(decoding).into()
    }
}

/// A connected receiver from this URL: see [`AmqpReceiver`].
///
/// ```no_run
/// use cloudevents_core::Decoding;
///
/// # async fn receive() -> Result<(), Box<dyn std::error::Error>> {
/// let url = "amqp://guest:guest@localhost:5672/orders";
/// let mut deliveries = cloudevents_amqp::fe2o3_amqp018::receiver(url, Decoding::strict().into()).await?;
/// while let Some(delivery) = deliveries.next().await? {
///     println!("{}", delivery.event()?.id());
///     delivery.accept().await?;
/// }
/// # Ok(()) }
/// ```
pub async fn receiver(url: &str, mut options: AmqpReceiverOptions) -> Result<Receiver, Error> {
    // A receiver reads documents with the formats it is given.
    let formats = &mut options.receiver.decoding.formats;
    *formats = cloudevents_json::among(std::mem::take(formats));
    open(url, options).await
}

/// Compiled with this crate, and not once more with each that awaits it: there is much of the client in it.
#[inline(never)]
fn open(url: &str, options: AmqpReceiverOptions) -> BoxFuture<'_, Result<Receiver, Error>> {
    let receiver = options.receiver.clone();
    AmqpReceiver::connect(url, options).map_ok(|intake| Receiver::new(intake, receiver)).boxed()
}

/// Receives from one address of a broker, over a connection of its own, which a task owns.
///
/// Settlements are the protocol's: accept is `accepted`, reject `rejected` with the reason as its description, release `released`, and retry
/// `modified` with `delivery-failed` (or `released`, where the broker knows no other), when its delay is over; AMQP has no delays, so until then the message stays unsettled here. Those
/// that are submitted in a row, of neighbouring messages and with the same result, share a frame; none waits for another. The
/// outcome of a settlement answers when it is on its way to the broker, that of a retry at once. The connection can be lost on that way,
/// and then the message comes again: AMQP confirms no settlement of a receiver. [`drain`](Receiver::drain) answers when the broker has
/// ended the link, which it does having read them all.
///
/// The attempt is one more than the `delivery-count` of the message.
///
/// When the connection is lost, [`next`](Receiver::next) is an error, and calling it again connects again, after a pause that grows from
/// a tenth of a second to six seconds where that fails.
pub struct AmqpReceiver {
    shared: Arc<Shared>,
    link: Option<Link>,
    /// Failures in a row.
    failures: u32,
    draining: bool,
}

/// What every connection of a receiver needs to know.
pub(super) struct Shared {
    pub(super) target: Target,
    pub(super) options: ReceiverOptions,
    pub(super) prefetch: u32,
    pub(super) max_message_size: u64,
}

/// What the task hands over.
pub(super) type Handover = mpsc::Receiver<Result<Incoming, Error>>;

/// The user's side of the connection. The task has the other. Dropping it stops the task.
struct Link {
    incoming: Option<Handover>,
    stop: Option<oneshot::Sender<Handover>>,
    task: JoinHandle<Result<(), Error>>,
}

impl AmqpReceiver {
    /// Connects to `amqp://user:password@host:port/address`, or `amqps` with TLS. Options in the query: `prefetch`, a number, and those of
    /// the connection: `container`, `hostname`, `sasl` (`plain`, `anonymous`, `external`, `cbs`). The address is the path without its first
    /// slash, percent-decoded.
    ///
    /// Errors: [`InvalidUrl`](ErrorKind::InvalidUrl), [`Disconnected`](ErrorKind::Disconnected) and [`Timeout`](ErrorKind::Timeout)
    /// when there is no connection, [`Refused`](ErrorKind::Refused) when the broker does not let this user in, or not to this address.
    pub async fn connect(url: &str, options: AmqpReceiverOptions) -> Result<Self, Error> {
        let AmqpReceiverOptions { connection, receiver, prefetch, max_message_size } = options;
        let endpoint = Endpoint::parse(url)?;
        let prefetch = endpoint.option_as("prefetch")?.or(prefetch).unwrap_or(256).max(1);
        let most = receiver.decoding.limits.bytes.saturating_add(ENVELOPE);
        let max_message_size = max_message_size.unwrap_or_else(|| u64::try_from(most).unwrap_or(u64::MAX));
        let target = Target::new(&endpoint, connection, OPTIONS)?;
        let shared = Arc::new(Shared { target, options: receiver, prefetch, max_message_size });
        let owner = Owner::connect(Arc::clone(&shared)).await?;
        let link = Some(Link::start(&shared, Some(owner), Duration::ZERO)?);
        Ok(Self { shared, link, failures: 0, draining: false })
    }

    fn link(&mut self) -> Result<&mut Link, Error> {
        let link = match self.link.take() {
            Some(link) => link,
            None => Link::start(&self.shared, None, pause(self.failures))?,
        };
        Ok(self.link.insert(link))
    }

    /// The next call connects anew.
    fn lost(&mut self, error: Error) -> Error {
        self.link = None;
        self.failures = self.failures.saturating_add(1);
        error
    }
}

impl Intake for AmqpReceiver {
    async fn next(&mut self) -> Result<Option<Incoming>, Error> {
        if self.draining {
            return Ok(None);
        }
        let Some(incoming) = &mut self.link()?.incoming else { return Ok(None) };
        match incoming.recv().await {
            Some(Ok(incoming)) => {
                self.failures = 0;
                Ok(Some(incoming))
            }
            Some(Err(error)) => Err(self.lost(error)),
            None => Ok(None),
        }
    }

    /// Polled, and not merely looked at, so that a task that finds a message each time still ends its turn now and then.
    fn try_next(&mut self) -> Option<Result<Option<Incoming>, Error>> {
        match self.link.as_mut()?.incoming.as_mut()?.recv().now_or_never()?? {
            Ok(incoming) => {
                self.failures = 0;
                Some(Ok(Some(incoming)))
            }
            Err(error) => Some(Err(self.lost(error))),
        }
    }

    async fn drain(&mut self, deadline: Duration) -> Result<(), Error> {
        self.draining = true;
        let Some(link) = &mut self.link else { return Ok(()) };
        link.stop();
        match timeout(deadline, &mut link.task).await {
            Ok(ended) => {
                self.link = None;
                ended.unwrap_or_else(|error| Err(failure::transport(error)))
            }
            Err(_) => {
                Err(Error::new(ErrorKind::Timeout).with_detail("not every delivery was settled in time"))
            }
        }
    }
}

impl fmt::Debug for AmqpReceiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AmqpReceiver")
            .field("target", &format_args!("{}", self.shared.target))
            .field("connected", &self.link.is_some())
            .finish_non_exhaustive()
    }
}

impl Link {
    /// Starts the task: with this owner of a link, or after a pause with a new one.
    fn start(shared: &Arc<Shared>, owner: Option<Owner>, pause: Duration) -> Result<Self, Error> {
        let runtime = runtime()?;
        // Less than what is prefetched, so that there is always credit to give.
        let ahead = usize::try_from(shared.prefetch / 4).map_or(AHEAD, |part| part.clamp(1, AHEAD));
        let (out, incoming) = mpsc::channel(ahead);
        let (stop, mut stopped) = oneshot::channel();
        let shared = Arc::clone(shared);
        let task = runtime.spawn(async move {
            if let Some(owner) = owner {
                return owner.run(out, stopped).await;
            }
            let connecting = async {
                sleep(pause).await;
                Owner::connect(shared).await
            };
            let connected = tokio::select! {
                connected = connecting => connected,
                _ = &mut stopped => return Ok(()),
            };
            match connected {
                Ok(owner) => owner.run(out, stopped).await,
                Err(error) => {
                    let _ = out.send(Err(error)).await;
                    Ok(())
                }
            }
        });
        Ok(Self { incoming: Some(incoming), stop: Some(stop), task })
    }

    /// The task gets the receiving end, too: only who sends can tell that nothing is under way any more.
    fn stop(&mut self) {
        if let (Some(stop), Some(incoming)) = (self.stop.take(), self.incoming.take()) {
            let _ = stop.send(incoming);
        }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.stop();
    }
}

/// None after the first failure, which may have been long ago.
fn pause(failures: u32) -> Duration {
    match failures {
        0 | 1 => Duration::ZERO,
        failures => Duration::from_millis(100 << failures.saturating_sub(2).min(6)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_end_growing() {
        let pauses = [0, 1, 2, 3, 8, 9, u32::MAX].map(|failures| pause(failures).as_millis());
        assert_eq!(pauses, [0, 0, 100, 200, 6400, 6400, 6400]);
    }
}
