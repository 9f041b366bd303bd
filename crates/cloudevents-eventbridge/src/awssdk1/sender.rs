//! A sender to a bus.

use super::{
    EventBridgeConnection,
    connection::{Wire, once},
    failure::{self, EVENT_BRIDGE},
    message::entry,
    options::Target,
};
use crate::{EventBridgeEntry, encode::encode_written};
use cloudevents_aws::MOST;
use cloudevents_core::{Error, ErrorKind, FormatId};
use cloudevents_json::{by_default, with_json};
use cloudevents_transport::{
    Confirmed, Content, Endpoint, Orders, Outgoing, Receipt, Sender, SenderCapabilities, SenderOptions,
    binding::batches::{BatchSender, Puts, Sending, no_answer},
};
use futures_util::{FutureExt, future::BoxFuture};
use std::sync::Arc;

/// The most bytes of an entry, and of a request.
const MOST_BYTES: usize = 1 << 20;

/// Options of a [`sender`].
///
/// ```
/// use cloudevents_eventbridge::awssdk1::EventBridgeSenderOptions;
///
/// let mut options = EventBridgeSenderOptions::default();
/// options.max_message_size = 256 << 10; // of targets that take less than the bus
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct EventBridgeSenderOptions {
    /// The options common to all protocols. Events are written as JSON.
    pub sender: SenderOptions,
    /// Options of the connection.
    pub connection: EventBridgeConnection,
    /// The largest entry, in bytes as EventBridge counts them; `max-message-size` in a URL. A larger one is an error. Default: 1 MiB.
    pub max_message_size: usize,
}

impl Default for EventBridgeSenderOptions {
    fn default() -> Self {
        Self {
            sender: SenderOptions::default(),
            connection: EventBridgeConnection::default(),
            max_message_size: MOST_BYTES,
        }
    }
}

impl From<SenderOptions> for EventBridgeSenderOptions {
    fn from(sender: SenderOptions) -> Self {
        Self { sender, ..Self::default() }
    }
}

/// Opens a sender to a bus: `eventbridge://REGION/ACCOUNT/BUS`.
///
/// [The crate's documentation](crate#urls) lists the options of the query.
///
/// Messages that are enqueued together share requests, ten of them at most, and several requests are under way at once, so there is no
/// order.
///
/// The outcome is that EventBridge has taken the event, also if no rule matches it. A refusal is an error of kind
/// [`Refused`](ErrorKind::Refused), of one event where EventBridge answers for each. After errors of kind
/// [`Disconnected`](ErrorKind::Disconnected) and [`Timeout`](ErrorKind::Timeout), EventBridge may or may not have the event. No event is
/// sent again by itself.
///
/// Errors: [`InvalidUrl`](ErrorKind::InvalidUrl); [`Disconnected`](ErrorKind::Disconnected) and [`Timeout`](ErrorKind::Timeout) when
/// connecting fails; [`Refused`](ErrorKind::Refused) when there is no such bus, or there are no credentials, or EventBridge refuses them.
pub async fn sender(
    url: impl TryInto<Endpoint, Error: Into<Error>>,
    options: EventBridgeSenderOptions,
) -> Result<Sender, Error> {
    open(Endpoint::of(url)?, options).await
}

/// Compiled once in this crate instead of in each caller: it contains much of the client's code.
#[inline(never)]
fn open(endpoint: Endpoint, options: EventBridgeSenderOptions) -> BoxFuture<'static, Result<Sender, Error>> {
    async move { connect(&endpoint, options).await }.boxed()
}

async fn connect(endpoint: &Endpoint, options: EventBridgeSenderOptions) -> Result<Sender, Error> {
    let target = Target::new(endpoint, options.connection)?;
    let common = options.sender.with_url(endpoint)?;
    let sending = Sending::new(endpoint, &common, options.max_message_size, with_json, by_default)?;
    if sending.writing.format().is_none_or(|format| format.id() != FormatId::JSON) {
        return Err(endpoint
            .invalid("an entry of EventBridge is a JSON document")
            .with_help("leave out the mode and the format"));
    }
    let wire = Wire::new(&target).await?;
    target.server.in_time("EventBridge", wire.check()).await?;
    let in_flight = sending.in_flight;
    let bus = Bus { bus: Arc::clone(&target.bus), wire, sending };
    Ok(Sender::new(BatchSender::start(bus, in_flight, MOST, MOST_BYTES)?).with_options(common))
}

/// A bus that events are sent to.
struct Bus {
    bus: Arc<str>,
    wire: Wire,
    sending: Sending,
}

impl Puts for Bus {
    type Entry = EventBridgeEntry;

    fn capabilities(&self) -> SenderCapabilities {
        let mut capabilities = SenderCapabilities::plain(Confirmed::Accepted);
        capabilities.orders = Orders::Nothing;
        capabilities
    }

    fn entry(&self, outgoing: &Outgoing) -> Result<EventBridgeEntry, Error> {
        let Content::Message(message) = outgoing.content() else {
            return Err(Error::new(ErrorKind::Unsupported));
        };
        let entry = encode_written(&*self.sending.writing.message(message)?, message)?;
        self.sending.check_size(
            entry.size(),
            " with its attributes",
            "EventBridge takes 1 MB: send a reference to a larger payload",
        )?;
        Ok(entry)
    }

    fn size(entry: &EventBridgeEntry) -> usize {
        entry.size()
    }

    async fn put(&self, entries: &[EventBridgeEntry]) -> Result<Vec<Result<Receipt, Error>>, Error> {
        let count = entries.len();
        let entries: Result<Vec<_>, _> =
            entries.iter().map(|event| entry(event.clone(), &self.wire.arn)).collect();
        let request = self.wire.client.put_events().set_entries(Some(entries?)).customize();
        let request = request.config_override(once(self.sending.timeout));
        let answer = request.send().await.map_err(|error| failure::of(&error))?;
        let mut answers: Vec<_> = answer
            .entries
            .unwrap_or_default()
            .into_iter()
            .take(count)
            .map(|entry| match (entry.error_code, entry.event_id) {
                (Some(code), _) => {
                    Err(EVENT_BRIDGE.coded(&code, entry.error_message.as_deref().unwrap_or_default(), false))
                }
                (None, Some(_)) => Ok(Receipt::new().with_place(Arc::clone(&self.bus))),
                (None, None) => Err(no_answer()),
            })
            .collect();
        answers.resize_with(count, || Err(no_answer()));
        Ok(answers)
    }

    async fn check(&self) -> Result<(), Error> {
        self.wire.check().await
    }
}
