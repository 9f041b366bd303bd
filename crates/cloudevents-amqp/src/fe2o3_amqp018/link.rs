//! The task that owns a receiver's link.

use super::{
    connection::{Connected, FRAMES},
    failure,
    message::Fe2o3Message,
    options::random,
    received::ReceivedMessage,
    receiver::{Handover, Shared},
};
use crate::decode;
use cloudevents_core::{Error, ErrorKind};
use cloudevents_transport::{Incoming, Outcome, Raw, Resolver, Settle, Settlement, Token};
use fe2o3_amqp::link::{
    DetachError, IllegalLinkStateError, RecvError,
    delivery::{Delivery, DeliveryInfo},
    receiver::CreditMode,
};
use fe2o3_amqp_types::{
    definitions::{self, AmqpError, Fields},
    messaging::{self, Modified},
    primitives::{Symbol, Value},
};
use futures_util::FutureExt;
use std::{collections::BTreeMap, sync::Arc};
use tokio::{
    sync::{mpsc, oneshot},
    task::coop::unconstrained,
    time::{Instant, sleep_until},
};

/// Settlements that are dealt with before the next look at what has come in.
const TOGETHER: usize = 256;

/// Messages that are handed over together at most, besides the first: more would make the first wait for long.
const BURST: usize = 31;

/// What of the reason of a rejection is said, in bytes: a disposition has to fit into a frame.
const REASON: usize = 1024;

/// Owns the link: nobody else reads from it or writes to it.
pub(super) struct Owner {
    shared: Arc<Shared>,
    /// The address.
    topic: Arc<str>,
    link: fe2o3_amqp::Receiver,
    connected: Connected,
    ask: mpsc::UnboundedSender<Ask>,
    /// Not bounded by itself, but by the credit: there is one ask for each message at most.
    asks: mpsc::UnboundedReceiver<Ask>,
    /// Received, and not settled with the broker.
    unsettled: usize,
    /// The bytes of their bodies.
    bytes: usize,
    /// Whether the broker is RabbitMQ before 4.0. That ends the session on the outcome `modified`; and when it hears of more credit while
    /// messages are under way, it sends more than that.
    is_old_rabbitmq: bool,
    /// To be retried, but not yet.
    later: BTreeMap<(Instant, u64), DeliveryInfo>,
    number: u64,
}

struct Ask {
    info: DeliveryInfo,
    size: usize,
    how: Settlement,
    resolver: Resolver,
}

type Handed = Result<Incoming, Error>;

type Received = Result<Delivery<messaging::Body<Value>>, RecvError>;

/// What happened first.
enum Step<'a> {
    Asked,
    Stop(Option<Handover>),
    Due,
    Received(Option<mpsc::Permit<'a, Handed>>, Box<Received>),
}

impl Owner {
    pub(super) async fn connect(shared: Arc<Shared>) -> Result<Self, Error> {
        let (link, connected) = Connected::open(&shared.target, FRAMES, async |session| {
            let attached = fe2o3_amqp::Receiver::builder()
                .name(format!("{}-{}", shared.target.address, random()))
                .source(shared.target.address.clone())
                .max_message_size(shared.max_message_size)
                .credit_mode(CreditMode::Manual)
                .attach(session)
                .await;
            attached.map_err(failure::attach_receiver)
        })
        .await?;
        let (ask, asks) = mpsc::unbounded_channel();
        let is_old_rabbitmq = is_old_rabbitmq(link.source().as_ref());
        Ok(Self {
            topic: shared.target.address.as_str().into(),
            shared,
            is_old_rabbitmq,
            link,
            connected,
            ask,
            asks,
            unsettled: 0,
            bytes: 0,
            later: BTreeMap::new(),
            number: 0,
        })
    }

    /// Answers when it was stopped and everything is settled, with the broker's confirmation; or when the link is lost.
    pub(super) async fn run(
        mut self,
        out: mpsc::Sender<Handed>,
        mut stopped: oneshot::Receiver<Handover>,
    ) -> Result<(), Error> {
        let mut stopping = false;
        let mut asked = Vec::new();
        let error = loop {
            if stopping && self.unsettled == 0 {
                return self.close().await;
            }
            let ahead = out.max_capacity().saturating_sub(out.capacity());
            if !stopping && let Err(error) = self.grant(ahead).await {
                break error;
            }
            let due = self.later.first_key_value().map(|((due, _), _)| *due);
            // Both are cancel-safe: the message stays in the client until it is taken in the poll that ends this.
            let receiving = async {
                if stopping {
                    return (None, self.link.recv().await);
                }
                match out.reserve().await {
                    Ok(place) => (Some(place), self.link.recv().await),
                    Err(_) => std::future::pending().await, // there is something in `stopped`
                }
            };
            let step = tokio::select! {
                biased;
                _ = self.asks.recv_many(&mut asked, TOGETHER) => Step::Asked,
                handover = &mut stopped, if !stopping => Step::Stop(handover.ok()),
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => Step::Due,
                (place, received) = receiving => Step::Received(place, Box::new(received)),
            };
            let result = match step {
                Step::Asked => self.settle(&mut asked).await,
                Step::Due => self.retry_before(Some(Instant::now())).await,
                Step::Stop(handover) => {
                    stopping = true;
                    drop(handover); // and with it what nobody has taken, whose tokens ask for its release
                    self.retry_before(None).await
                }
                Step::Received(Some(place), received) => self.hand_over(*received, place, &out),
                // Nobody is to have it: its token asks for its release.
                Step::Received(None, received) => self.take(*received).map(drop),
            };
            if let Err(error) = result {
                break error;
            }
        };
        tracing::warn!(target = %self.shared.target, %error, unsettled = self.unsettled, "the link was lost");
        // What was asked and not done is answered by that.
        drop(self);
        match stopping {
            true => Err(error),
            false => {
                tokio::select! {
                    _ = out.send(Err(error)) => {}
                    _ = stopped => {} // nobody wants to know
                }
                Ok(())
            }
        }
    }

    /// Gives credit again when half of it is used, or all of it, which RabbitMQ before 4.0 needs. What was given is never taken back: the
    /// client cannot bear a message that comes without credit.
    async fn grant(&mut self, ahead: usize) -> Result<(), Error> {
        let bounds = self.shared.options.in_flight;
        let room = if self.bytes < bounds.bytes { bounds.messages.max(1) } else { 1 };
        let room = u32::try_from(room.saturating_sub(self.unsettled)).unwrap_or(u32::MAX);
        // What was handed over and not taken is prefetched, too, all but one: nobody says when it is taken, and credit must not end.
        let ahead = u32::try_from(ahead.saturating_sub(1)).unwrap_or(u32::MAX);
        let prefetch = self.shared.prefetch.saturating_sub(ahead);
        let (wanted, left) = (room.min(prefetch), self.link.credit());
        if is_due(wanted, left, self.is_old_rabbitmq) {
            self.link.set_credit(wanted).await.map_err(failure::dispose)?;
        }
        Ok(())
    }

    /// Hands over what was received, with what else is there already: whoever waits for it is woken once, and not for each.
    fn hand_over(
        &mut self,
        received: Received,
        place: mpsc::Permit<'_, Handed>,
        out: &mpsc::Sender<Handed>,
    ) -> Result<(), Error> {
        let room = out.capacity().min(BURST);
        let mut ready = vec![self.take(received)?];
        let mut result = Ok(());
        while ready.len() <= room
            && let Some(received) = unconstrained(self.link.recv()).now_or_never()
        {
            match self.take(received) {
                Ok(incoming) => ready.push(incoming),
                Err(error) => {
                    result = Err(error);
                    break;
                }
            }
        }
        drop(place);
        for incoming in ready {
            // There is room, for nobody else sends. Where nobody is to have it, its token asks for its release.
            let _ = out.try_send(Ok(incoming));
        }
        result
    }

    fn take(&mut self, received: Received) -> Result<Incoming, Error> {
        match received {
            Ok(delivery) => {
                let (info, message) = delivery.into_parts();
                Ok(self.incoming(info, message))
            }
            Err(RecvError::MessageDecode(error)) => {
                tracing::debug!(error = %error.source, "a message that is none");
                let said = Error::new(ErrorKind::InvalidDocument)
                    .with_detail(format!("it is no AMQP message: {}", error.source));
                let mut raw = Raw::default();
                raw.topic = Some(Arc::clone(&self.topic));
                Ok(Incoming::new(Err(said), raw, self.token(error.info, 0)))
            }
            Err(error) => Err(failure::receive(error)),
        }
    }

    fn incoming(&mut self, info: DeliveryInfo, message: Fe2o3Message) -> Incoming {
        let failed = message.header.as_ref().map_or(0, |header| header.delivery_count);
        let message = ReceivedMessage::from(message);
        let decoded = decode::message(&message, &self.shared.options.decoding);
        let raw = message.into_raw(&self.topic);
        let token = self.token(info, raw.size());
        Incoming::new(decoded, raw, token).with_attempt(failed.saturating_add(1))
    }

    fn token(&mut self, info: DeliveryInfo, size: usize) -> Token {
        self.unsettled = self.unsettled.saturating_add(1);
        self.bytes = self.bytes.saturating_add(size);
        Token::new(Ticket { info, size, ask: self.ask.clone() })
    }

    /// Passes on what was asked, in this order: the same outcome, several times in a row, with one call.
    async fn settle(&mut self, asked: &mut Vec<Ask>) -> Result<(), Error> {
        let mut asked = asked.drain(..).peekable();
        while let Some(Ask { info, size, how, resolver }) = asked.next() {
            self.bytes = self.bytes.saturating_sub(size);
            if let Settlement::Retry { after } = how
                && let Some(due) = Instant::now().checked_add(after).filter(|_| !after.is_zero())
            {
                self.number = self.number.wrapping_add(1);
                self.later.insert((due, self.number), info);
                resolver.resolve(Ok(()));
                continue;
            }
            let (mut infos, mut resolvers) = (vec![info], vec![resolver]);
            while let Some(ask) = asked.next_if(|ask| ask.how == how) {
                self.bytes = self.bytes.saturating_sub(ask.size);
                infos.push(ask.info);
                resolvers.push(ask.resolver);
            }
            self.unsettled = self.unsettled.saturating_sub(infos.len());
            let disposed = match how {
                Settlement::Accept => self.link.accept_all(infos).await,
                Settlement::Reject { reason } => self.link.reject_all(infos, rejection(&reason)).await,
                Settlement::Retry { .. } => self.failed(infos).await,
                _ => self.link.release_all(infos).await,
            };
            let disposed = disposed.map_err(failure::dispose);
            for resolver in resolvers {
                resolver.resolve(disposed.clone());
            }
            disposed?;
        }
        Ok(())
    }

    /// Passes on the retries that are due by then, or all.
    async fn retry_before(&mut self, now: Option<Instant>) -> Result<(), Error> {
        let mut due = Vec::new();
        while let Some(first) = self.later.first_entry() {
            if now.is_some_and(|now| first.key().0 > now) {
                break;
            }
            due.push(first.remove());
        }
        self.unsettled = self.unsettled.saturating_sub(due.len());
        self.failed(due).await.map_err(failure::dispose)
    }

    async fn failed(&self, infos: Vec<DeliveryInfo>) -> Result<(), IllegalLinkStateError> {
        if self.is_old_rabbitmq {
            return self.link.release_all(infos).await;
        }
        let modified =
            Modified { delivery_failed: Some(true), undeliverable_here: None, message_annotations: None };
        self.link.modify_all(infos, modified).await
    }

    /// Releases what has come in meanwhile, and waits for the broker to end the link, having read every settlement.
    async fn close(mut self) -> Result<(), Error> {
        while let Some(Ok(delivery)) =
            unconstrained(self.link.recv::<messaging::Body<Value>>()).now_or_never()
        {
            self.link.release(&delivery).await.map_err(failure::dispose)?;
        }
        let detached = self.link.close().await;
        match (detached, self.connected.close().await) {
            // The client does not follow RabbitMQ before 4.0, which answers that the link is detached and not that it is closed.
            (Err(DetachError::IllegalState), true) => Ok(()),
            (detached, _) => detached.map_err(failure::detach),
        }
    }
}

struct Ticket {
    info: DeliveryInfo,
    size: usize,
    ask: mpsc::UnboundedSender<Ask>,
}

impl Settle for Ticket {
    fn settle(self: Box<Self>, how: Settlement) -> Outcome {
        let Self { info, size, ask } = *self;
        let (resolver, outcome) = Outcome::channel();
        // Should the link be gone, the resolver goes with the ask, and the outcome says so.
        let _ = ask.send(Ask { info, size, how, resolver });
        outcome
    }
}

/// Whether there is to be more credit, of which so much is left.
fn is_due(wanted: u32, left: u32, is_old_rabbitmq: bool) -> bool {
    let enough = if is_old_rabbitmq { 0 } else { wanted / 2 };
    wanted > left && left <= enough
}

/// It is known by naming its outcomes, and not `modified` among them.
fn is_old_rabbitmq(source: Option<&messaging::Source>) -> bool {
    let Some(outcomes) = source.and_then(|source| source.outcomes.as_ref()) else { return false };
    outcomes.iter().all(|outcome| outcome.as_str() != "amqp:modified:list")
}

/// The reason as description, and in the fields where Azure Service Bus looks for it.
fn rejection(reason: &str) -> definitions::Error {
    let mut end = reason.len().min(REASON);
    while !reason.is_char_boundary(end) {
        end = end.saturating_sub(1);
    }
    let reason = reason.get(..end).unwrap_or_default();
    let mut fields = Fields::new();
    fields.insert(Symbol::from("DeadLetterReason"), Value::String("rejected".into()));
    fields.insert(Symbol::from("DeadLetterErrorDescription"), Value::String(reason.into()));
    definitions::Error::new(AmqpError::PreconditionFailed, Some(reason.to_owned()), Some(fields))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credit_is_given_again_before_it_ends_unless_that_is_too_early() {
        assert!(is_due(10, 5, false) && !is_due(10, 6, false) && !is_due(0, 0, false));
        assert!(is_due(10, 0, true) && !is_due(10, 1, true) && !is_due(0, 0, true));
        assert!(is_due(1, 0, false) && !is_due(1, 1, false) && !is_due(3, 9, false));
    }

    #[test]
    fn old_rabbitmq_is_known_by_its_outcomes() {
        let naming = |outcomes: Option<&[&str]>| {
            let symbols = outcomes.map(|names| names.iter().copied().map(Symbol::from).collect::<Vec<_>>());
            is_old_rabbitmq(Some(&messaging::Source {
                outcomes: symbols.map(Into::into),
                ..Default::default()
            }))
        };
        assert!(!naming(None) && !is_old_rabbitmq(None));
        assert!(!naming(Some(&["amqp:accepted:list", "amqp:modified:list"])));
        assert!(naming(Some(&["amqp:accepted:list", "amqp:rejected:list", "amqp:released:list"])));
    }

    #[test]
    fn a_long_reason_is_cut_between_characters() {
        let error = rejection(&"ä".repeat(1000));
        assert_eq!(error.description.unwrap(), "ä".repeat(512));
        assert_eq!(rejection("short").description.unwrap(), "short");
    }
}
