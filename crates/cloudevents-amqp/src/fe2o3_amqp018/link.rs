//! The task that owns a receiver's link.

use super::{
    connection::Connected,
    failure,
    message::{Fe2o3Message, sections},
    options::random,
    receiver::{Handover, Shared},
};
use crate::{AmqpMessage, AmqpValue, Body};
use bytes::Bytes;
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

/// What of the reason of a rejection is said, in bytes: a disposition has to fit into a frame.
const REASON: usize = 1024;

/// Owns the link: nobody else reads from it or writes to it.
pub(super) struct Owner {
    shared: Arc<Shared>,
    link: fe2o3_amqp::Receiver,
    connected: Connected,
    ask: mpsc::UnboundedSender<Ask>,
    /// Not bounded by itself, but by the credit: there is one ask for each message at most.
    asks: mpsc::UnboundedReceiver<Ask>,
    /// Received, and not settled with the broker.
    unsettled: usize,
    /// The bytes of their bodies.
    bytes: usize,
    /// Whether the broker knows the outcome `modified`.
    modifies: bool,
    /// To be retried, but not yet.
    later: BTreeMap<(Instant, u64), (DeliveryInfo, usize)>,
    number: u64,
}

struct Ask {
    info: DeliveryInfo,
    size: usize,
    how: Settlement,
    resolver: Resolver,
}

type Received = Result<Delivery<messaging::Body<Value>>, RecvError>;

/// What happened first.
enum Step<'a> {
    Ask(Ask),
    Stop(Option<Handover>),
    Due,
    Received(Option<mpsc::Permit<'a, Result<Incoming, Error>>>, Box<Received>),
}

impl Owner {
    pub(super) async fn connect(shared: Arc<Shared>) -> Result<Self, Error> {
        let (link, connected) = Connected::open(&shared.target, async |session| {
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
        let modifies = knows_modified(link.source().as_ref());
        Ok(Self {
            shared,
            modifies,
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
        out: mpsc::Sender<Result<Incoming, Error>>,
        mut stopped: oneshot::Receiver<Handover>,
    ) -> Result<(), Error> {
        let mut stopping = false;
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
                Some(ask) = self.asks.recv() => Step::Ask(ask),
                handover = &mut stopped, if !stopping => Step::Stop(handover.ok()),
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => Step::Due,
                (place, received) = receiving => Step::Received(place, Box::new(received)),
            };
            let result = match step {
                Step::Ask(ask) => self.settle(ask).await,
                Step::Due => self.retry_before(Some(Instant::now())).await,
                Step::Stop(handover) => {
                    stopping = true;
                    drop(handover); // and with it what nobody has taken, whose tokens ask for its release
                    self.retry_before(None).await
                }
                Step::Received(place, received) => self.take(*received).map(|incoming| match place {
                    Some(place) => place.send(Ok(incoming)),
                    None => drop(incoming), // nobody is to have it: its token asks for its release
                }),
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

    /// Gives credit again when half of it is used. What was given is never taken back: the client cannot bear a message that comes
    /// without credit.
    async fn grant(&mut self, ahead: usize) -> Result<(), Error> {
        let bounds = self.shared.options.in_flight;
        let room = if self.bytes < bounds.bytes { bounds.messages.max(1) } else { 1 };
        let room = u32::try_from(room.saturating_sub(self.unsettled)).unwrap_or(u32::MAX);
        // What was handed over and not taken is prefetched, too, all but one: nobody says when it is taken, and credit must not end.
        let ahead = u32::try_from(ahead.saturating_sub(1)).unwrap_or(u32::MAX);
        let prefetch = self.shared.prefetch.saturating_sub(ahead);
        let (wanted, left) = (room.min(prefetch), self.link.credit());
        if wanted > left && left <= wanted / 2 {
            self.link.set_credit(wanted).await.map_err(failure::dispose)?;
        }
        Ok(())
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
                raw.topic = Some(self.shared.target.address.as_str().into());
                Ok(Incoming::new(Err(said), raw, self.token(error.info, 0)))
            }
            Err(error) => Err(failure::receive(error)),
        }
    }

    fn incoming(&mut self, info: DeliveryInfo, message: Fe2o3Message) -> Incoming {
        let failed = message.header.as_ref().map_or(0, |header| header.delivery_count);
        let message = sections(message);
        let decoded = crate::decode_message(&message, &self.shared.options.decoding);
        let mut raw = raw(message);
        raw.topic = Some(self.shared.target.address.as_str().into());
        let token = self.token(info, raw.size());
        Incoming::new(decoded, raw, token).with_attempt(failed.saturating_add(1))
    }

    fn token(&mut self, info: DeliveryInfo, size: usize) -> Token {
        self.unsettled = self.unsettled.saturating_add(1);
        self.bytes = self.bytes.saturating_add(size);
        Token::new(Ticket { info, size, ask: self.ask.clone() })
    }

    async fn settle(&mut self, ask: Ask) -> Result<(), Error> {
        let Ask { info, size, how, resolver } = ask;
        if let Settlement::Retry { after } = how
            && let Some(due) = Instant::now().checked_add(after).filter(|_| !after.is_zero())
        {
            self.number = self.number.wrapping_add(1);
            self.later.insert((due, self.number), (info, size));
            self.bytes = self.bytes.saturating_sub(size);
            resolver.resolve(Ok(()));
            return Ok(());
        }
        self.bytes = self.bytes.saturating_sub(size);
        let disposed = match how {
            Settlement::Accept => self.link.accept(info).await,
            Settlement::Reject { reason } => self.link.reject(info, rejection(&reason)).await,
            Settlement::Retry { .. } => self.failed(info).await,
            _ => self.link.release(info).await,
        };
        self.unsettled = self.unsettled.saturating_sub(1);
        let disposed = disposed.map_err(failure::dispose);
        resolver.resolve(disposed.clone());
        disposed
    }

    /// Passes on the retries that are due by then, or all.
    async fn retry_before(&mut self, now: Option<Instant>) -> Result<(), Error> {
        while let Some(first) = self.later.first_entry() {
            if now.is_some_and(|now| first.key().0 > now) {
                break;
            }
            let (info, _) = first.remove();
            self.unsettled = self.unsettled.saturating_sub(1);
            self.failed(info).await.map_err(failure::dispose)?;
        }
        Ok(())
    }

    async fn failed(&self, info: DeliveryInfo) -> Result<(), IllegalLinkStateError> {
        if !self.modifies {
            return self.link.release(info).await;
        }
        let modified =
            Modified { delivery_failed: Some(true), undeliverable_here: None, message_annotations: None };
        self.link.modify(info, modified).await
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

/// A broker that names its outcomes without this one ends the session on it: RabbitMQ before 4.0.
fn knows_modified(source: Option<&messaging::Source>) -> bool {
    let Some(outcomes) = source.and_then(|source| source.outcomes.as_ref()) else { return true };
    outcomes.iter().any(|outcome| outcome.as_str() == "amqp:modified:list")
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

fn raw(message: AmqpMessage) -> Raw {
    let mut raw = Raw::default();
    raw.headers.reserve(message.application_properties.len().saturating_add(1));
    if let Some(content_type) = &message.properties.content_type {
        raw.headers.push(("content-type".into(), Some(content_type.as_bytes().clone())));
    }
    for (name, value) in &message.application_properties {
        raw.headers.push((name.as_str().to_owned().into(), text(value)));
    }
    raw.body = match message.body {
        Body::Data(bytes) => Some(bytes),
        Body::DataSections(sections) => Some(sections.concat().into()),
        Body::Value(value) => text(&value),
        Body::Absent | Body::Sequence => None,
    };
    raw
}

/// A value for people and for forwarding: text as it is, the others as they would be written.
fn text(value: &AmqpValue) -> Option<Bytes> {
    Some(match value {
        AmqpValue::Null | AmqpValue::Other => return None,
        AmqpValue::Binary(bytes) => bytes.clone(),
        AmqpValue::String(text) | AmqpValue::Symbol(text) => text.as_bytes().clone(),
        AmqpValue::Boolean(value) => value.to_string().into(),
        AmqpValue::Ubyte(value) => value.to_string().into(),
        AmqpValue::Ushort(value) => value.to_string().into(),
        AmqpValue::Uint(value) => value.to_string().into(),
        AmqpValue::Ulong(value) => value.to_string().into(),
        AmqpValue::Byte(value) => value.to_string().into(),
        AmqpValue::Short(value) => value.to_string().into(),
        AmqpValue::Int(value) => value.to_string().into(),
        AmqpValue::Long(value) | AmqpValue::Timestamp(value) => value.to_string().into(),
        AmqpValue::Float(value) => value.to_string().into(),
        AmqpValue::Double(value) => value.to_string().into(),
        AmqpValue::Char(value) => value.to_string().into(),
        AmqpValue::Uuid(bytes) => bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>().into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modified_only_where_it_is_known() {
        let naming = |outcomes: Option<&[&str]>| {
            let symbols = outcomes.map(|names| names.iter().copied().map(Symbol::from).collect::<Vec<_>>());
            knows_modified(Some(&messaging::Source {
                outcomes: symbols.map(Into::into),
                ..Default::default()
            }))
        };
        assert!(naming(None) && knows_modified(None));
        assert!(naming(Some(&["amqp:accepted:list", "amqp:modified:list"])));
        assert!(!naming(Some(&["amqp:accepted:list", "amqp:rejected:list", "amqp:released:list"])));
    }

    #[test]
    fn a_long_reason_is_cut_between_characters() {
        let error = rejection(&"ä".repeat(1000));
        assert_eq!(error.description.unwrap(), "ä".repeat(512));
        assert_eq!(rejection("short").description.unwrap(), "short");
    }

    #[test]
    fn a_raw_message_has_everything() {
        let mut message = AmqpMessage::new(Body::DataSections(vec!["a".into(), "b".into()]))
            .with_property("n", AmqpValue::Int(-5))
            .with_property("absent", AmqpValue::Null);
        message.properties.content_type = Some("text/plain".into());
        let raw = raw(message);
        assert_eq!(raw.header("content-type").unwrap(), "text/plain");
        assert_eq!(raw.header("n").unwrap(), "-5");
        assert_eq!(raw.header("absent"), None);
        assert_eq!(raw.body.unwrap(), "ab");
    }
}
