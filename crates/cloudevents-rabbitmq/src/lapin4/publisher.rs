//! A channel for publishing, on a connection that outlives it.

use super::{
    connection::{Connected, FAREWELL},
    destination::{Destination, no_exchange},
    failure,
    message::Parts,
    options::{QueueType, Target, fixed},
    refusal::RabbitRefusal,
    returns::{NUMBER, Publication},
};
use cloudevents_core::Error;
use cloudevents_transport::{
    Host, Receipt,
    binding::{Reporter, confirms::Answers, connect::Connect},
};
use futures_util::{FutureExt, future::BoxFuture, task::noop_waker_ref};
use lapin::{
    Channel, Confirmation, ExchangeKind,
    options::{BasicPublishOptions, ConfirmSelectOptions, ExchangeDeclareOptions, QueueDeclareOptions},
    types::{AMQPValue, FieldTable, ShortString},
};
use std::{
    collections::HashMap,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};
use tokio::{task::JoinHandle, time::timeout};

/// How many names of exchanges and queues are remembered.
const NAMES: usize = 1024;

/// How long a declared queue counts as declared. Queues that are not used expire.
const DECLARED: Duration = Duration::from_secs(60);

/// Opens channels.
pub(super) struct Linking {
    target: Arc<Target>,
    destination: Destination,
    declare: Option<QueueType>,
    mandatory: bool,
    timeout: Duration,
    reporter: Reporter,
    /// The last connection, which may [outlive its channel](Connected::outlives_channel) and get another one.
    kept: Mutex<Option<(Host, Arc<Connected>)>>,
}

impl Linking {
    pub(super) fn new(
        target: Arc<Target>,
        destination: Destination,
        declare: Option<QueueType>,
        mandatory: bool,
        timeout: Duration,
        reporter: Reporter,
    ) -> Self {
        Self { target, destination, declare, mandatory, timeout, reporter, kept: Mutex::default() }
    }

    fn kept(&self) -> MutexGuard<'_, Option<(Host, Arc<Connected>)>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn connected(&self, host: &Host) -> Result<Arc<Connected>, Error> {
        let kept = self.kept().take();
        match kept.filter(|(known, connected)| known == host && connected.outlives_channel()) {
            Some((_, connected)) => Ok(connected),
            None => Ok(Arc::new(Connected::begin(&self.target, host).await?)),
        }
    }
}

impl Connect for Linking {
    type Connection = Arc<Publisher>;

    async fn connect(&self, host: &Host) -> Result<Arc<Publisher>, Error> {
        let connected = self.connected(host).await?;
        if let Some(queue_type) = self.declare.filter(|_| self.destination.exchange.as_str().is_empty()) {
            declare(&connected, &self.destination.routing_key, queue_type.arguments()).await?;
        }
        if !self.destination.exchange.as_str().is_empty() {
            let checked = check(&connected, &self.destination.exchange).await;
            checked.map_err(|error| no_exchange(&self.destination, error))?;
        }
        let channel = connected.channel().await?;
        channel.confirm_select(ConfirmSelectOptions::default()).await.map_err(failure::refusal)?;
        *self.kept() = Some((host.clone(), Arc::clone(&connected)));
        let (answers, hearing) = Answers::new(self.timeout);
        let channel = Arc::new(channel);
        let hearing = tokio::spawn({
            let (connected, channel) = (Arc::clone(&connected), Arc::clone(&channel));
            async move {
                if let Err(error) = hearing.run(connected.ended(&channel)).await {
                    connected.watched.end(&error);
                    connected.watched.cut();
                }
            }
        });
        Ok(Arc::new(Publisher {
            place: self.destination.to_string().into(),
            destination: self.destination.clone(),
            mandatory: self.mandatory,
            names: Mutex::default(),
            order: Mutex::new(()),
            channel,
            connected,
            answers,
            hearing: Some(hearing).into(),
        }))
    }

    async fn lost(&self, link: &Arc<Publisher>) -> Error {
        tokio::select! {
            error = link.connected.ended(&link.channel) => error,
            never = link.connected.report_alarms(&self.reporter) => match never {},
        }
    }

    async fn close(link: Arc<Publisher>) -> Result<(), Error> {
        link.close().await;
        Ok(())
    }
}

/// A channel with publisher confirms.
pub(super) struct Publisher {
    /// The address of the sender's own destination.
    place: Arc<str>,
    destination: Destination,
    mandatory: bool,
    /// Exchanges that exist, and queues that were declared, with the time of that.
    names: Mutex<Names>,
    /// Held while a message is handed over, so that confirmations count them in the same order.
    order: Mutex<()>,
    channel: Arc<Channel>,
    connected: Arc<Connected>,
    pub(super) answers: Answers<Answer>,
    hearing: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Kind {
    Exchange,
    Queue,
}

/// Names that are known, and since when. Each message may name another destination, so there are [`NAMES`] at most.
#[derive(Default)]
struct Names(HashMap<(Kind, ShortString), Instant>);

impl Names {
    fn since(&self, kind: Kind, name: &ShortString) -> Option<Instant> {
        self.0.get(&(kind, name.clone())).copied()
    }

    fn remember(&mut self, kind: Kind, name: &ShortString) {
        if self.0.len() >= NAMES {
            self.0.clear();
        }
        self.0.insert((kind, name.clone()), Instant::now());
    }
}

/// A message to publish.
pub(super) struct Publish {
    pub(super) destination: Destination,
    pub(super) message: Parts,
}

impl Publisher {
    /// Hands a message over. Returns it if the channel is closed, or the sender.
    pub(super) fn publish(&self, publish: Publish, closed: &AtomicBool) -> Result<Answer, Box<Publish>> {
        let _order = lock(&self.order);
        // lapin notices the end of the connection later than its socket does.
        let is_open = self.channel.status().connected() && self.connected.is_alive();
        if closed.load(Ordering::Acquire) || !is_open {
            return Err(Box::new(publish));
        }
        let Publish { destination, mut message } = publish;
        let publication = self.mandatory.then(|| self.connected.watched.publications.begin());
        if let Some(publication) = &publication {
            message.headers.insert(fixed(NUMBER), AMQPValue::LongLongInt(publication.number()));
        }
        let message = message.whole();
        let size = message.payload.len();
        let place = match destination == self.destination {
            true => Arc::clone(&self.place),
            false => destination.to_string().into(),
        };
        let channel = Arc::clone(&self.channel);
        let Destination { exchange, routing_key } = destination;
        let options = BasicPublishOptions { mandatory: self.mandatory, immediate: false };
        let mut confirmation = async move {
            let (payload, properties) = (message.payload, message.properties);
            channel.basic_publish(exchange, routing_key, options, &payload, properties).await?.await
        }
        .boxed();
        // lapin takes the message in the first poll. The rest waits until it was written and confirmed.
        let first = confirmation.poll_unpin(&mut Context::from_waker(noop_waker_ref()));
        let confirmation = match first {
            Poll::Ready(result) => std::future::ready(result).boxed(),
            Poll::Pending => confirmation,
        };
        Ok(Answer { confirmation, publication, place, size })
    }

    /// The largest frame, in bytes. The broker ends the connection because of a larger one, with everything that is on its way.
    pub(super) fn frame_max(&self) -> usize {
        self.connected.frame_max()
    }

    /// Waits while the broker takes no messages.
    pub(super) async fn unblocked(&self) {
        self.connected.unblocked().await;
    }

    /// Whether this exchange is known to exist.
    pub(super) fn knows(&self, exchange: &ShortString) -> bool {
        exchange.as_str().is_empty()
            || *exchange == self.destination.exchange
            || lock(&self.names).since(Kind::Exchange, exchange).is_some()
    }

    /// Checks that an exchange exists. Publishing to a missing exchange would close the channel.
    pub(super) async fn check(&self, exchange: &ShortString) -> Result<(), Error> {
        check(&self.connected, exchange).await?;
        lock(&self.names).remember(Kind::Exchange, exchange);
        Ok(())
    }

    /// Checks that a queue exists.
    pub(super) async fn finds(&self, queue: &ShortString) -> Result<(), Error> {
        let options = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
        declare_with(&self.connected, queue, options, FieldTable::default()).await
    }

    /// Declares a queue, unless it was declared lately.
    pub(super) async fn declare(&self, queue: &ShortString, arguments: FieldTable) -> Result<(), Error> {
        let declared = lock(&self.names).since(Kind::Queue, queue);
        if declared.is_some_and(|declared| declared.elapsed() < DECLARED) {
            return Ok(());
        }
        declare(&self.connected, queue, arguments).await?;
        lock(&self.names).remember(Kind::Queue, queue);
        Ok(())
    }

    /// Forgets that a queue was declared.
    pub(super) fn forget(&self, queue: &ShortString) {
        lock(&self.names).0.remove(&(Kind::Queue, queue.clone()));
    }

    /// Waits for all answers, then closes.
    pub(super) async fn close(&self) {
        self.answers.finish();
        let hearing = lock(&self.hearing).take();
        if let Some(hearing) = hearing {
            let _ = hearing.await;
            // All answers have arrived, so failing to close a lost connection is not an error.
            self.connected.close().await;
        }
    }
}

/// For a lost link that is not closed: its task ends.
impl Drop for Publisher {
    fn drop(&mut self) {
        self.answers.finish();
    }
}

/// The broker's answer to a published message.
pub(super) struct Answer {
    confirmation: BoxFuture<'static, lapin::Result<Confirmation>>,
    /// `None` if the message is not mandatory, and so is never returned.
    publication: Option<Publication>,
    place: Arc<str>,
    /// Bytes of the body.
    size: usize,
}

impl Future for Answer {
    type Output = Result<Receipt, Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Poll::Ready(match ready!(self.confirmation.poll_unpin(context)) {
            Ok(Confirmation::Ack(_)) => match self.publication.as_ref().map_or(Ok(()), Publication::check) {
                Ok(()) => Ok(Receipt::new().with_place(Arc::clone(&self.place))),
                Err(refusal) => Err(refusal.into_error()),
            },
            Ok(Confirmation::Nack(_)) => Err(RabbitRefusal::Nacked.into_error()),
            Ok(Confirmation::NotRequested) => {
                Err(failure::disconnected("the channel does not confirm messages"))
            }
            Err(error) => Err(failure::unanswered(error, self.size)),
        })
    }
}

/// On a channel of its own: an error closes it.
async fn check(connected: &Connected, exchange: &ShortString) -> Result<(), Error> {
    let channel = connected.channel().await?;
    let options = ExchangeDeclareOptions { passive: true, ..ExchangeDeclareOptions::default() };
    let declared = channel
        .exchange_declare(exchange.clone(), ExchangeKind::Direct, options, FieldTable::default())
        .await;
    if declared.is_ok() {
        let _ = timeout(FAREWELL, channel.close(200, fixed("OK"))).await;
    }
    declared.map_err(failure::refusal)
}

/// On a channel of its own: an error closes it.
pub(super) async fn declare(
    connected: &Connected,
    queue: &ShortString,
    arguments: FieldTable,
) -> Result<(), Error> {
    let options = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
    declare_with(connected, queue, options, arguments).await
}

async fn declare_with(
    connected: &Connected,
    queue: &ShortString,
    options: QueueDeclareOptions,
    arguments: FieldTable,
) -> Result<(), Error> {
    let channel = connected.channel().await?;
    let declared = channel.queue_declare(queue.clone(), options, arguments).await;
    if declared.is_ok() {
        let _ = timeout(FAREWELL, channel.close(200, fixed("OK"))).await;
    }
    declared.map(drop).map_err(failure::refusal)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A sender whose messages name their own destinations remembers no more of these after a year than after an hour.
    #[test]
    fn ten_thousand_names_take_no_more_room_than_a_thousand() {
        let mut names = Names::default();
        for number in 0..10_000 {
            let name = ShortString::from(format!("orders.{number}"));
            names.remember(Kind::Exchange, &name);
            names.remember(Kind::Queue, &name);
            assert!(names.0.len() <= 1_024, "{} names after {number}", names.0.len());
            assert!(names.since(Kind::Queue, &name).is_some(), "{name} is known");
        }
        assert!(names.since(Kind::Exchange, &ShortString::from("orders.0")).is_none());
    }
}
