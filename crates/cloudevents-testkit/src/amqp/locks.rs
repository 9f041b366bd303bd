//! Locks, like the locks of Azure Service Bus: a message that a receiver holds for too long is delivered again.

use super::{
    broker::{Shared, lock},
    cbs::replies,
};
use fe2o3_amqp::{Receiver, link::receiver::CreditMode};
use fe2o3_amqp_types::{
    messaging::{
        AmqpValue, ApplicationProperties, Body, DeliveryAnnotations, Message, Properties,
        annotations::OwnedKey,
    },
    primitives::{LazyValue, SimpleValue, Uuid, Value},
};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::time::{Instant, sleep_until};

/// The end of the address of a node that renews the locks of a queue.
pub(super) const MANAGEMENT: &str = "/$management";

/// The locks of a broker, by token.
#[derive(Clone)]
pub(super) struct Locks {
    state: Arc<Mutex<State>>,
    duration: Duration,
}

#[derive(Default)]
struct State {
    until: HashMap<[u8; 16], Instant>,
    last: u128,
    renewed: usize,
}

impl Locks {
    pub(super) fn new(duration: Duration) -> Self {
        Self { state: Arc::default(), duration }
    }

    /// Locks a message, and adds the token to it.
    pub(super) fn lock(&self, message: &mut Message<Body<LazyValue>>) -> Lock {
        let mut state = lock(&self.state);
        state.last = state.last.wrapping_add(1);
        let token = state.last.to_be_bytes();
        state.until.insert(token, self.until());
        drop(state);
        let annotations =
            message.delivery_annotations.get_or_insert_with(|| DeliveryAnnotations(Default::default()));
        annotations.0.insert(OwnedKey::from("x-opt-lock-token"), Value::Uuid(Uuid::from(token)));
        Lock { locks: self.clone(), token }
    }

    /// How many locks were renewed.
    pub(super) fn renewed(&self) -> usize {
        lock(&self.state).renewed
    }

    /// Ends all locks: they cannot be renewed any more.
    pub(super) fn lose(&self) {
        lock(&self.state).until.clear();
    }

    fn until(&self) -> Instant {
        let now = Instant::now();
        now.checked_add(self.duration).unwrap_or(now)
    }

    /// Renews all of them, or none if one is lost.
    fn renew(&self, tokens: &[[u8; 16]]) -> bool {
        let mut state = lock(&self.state);
        if !tokens.iter().all(|token| state.until.contains_key(token)) {
            return false;
        }
        for token in tokens {
            state.until.insert(*token, self.until());
        }
        state.renewed = state.renewed.saturating_add(tokens.len());
        true
    }
}

/// The lock of one message. Dropping it unlocks the message.
pub(super) struct Lock {
    locks: Locks,
    token: [u8; 16],
}

impl Lock {
    /// Waits until the lock has not been renewed in time.
    pub(super) async fn lost(&self) {
        loop {
            let until = lock(&self.locks.state).until.get(&self.token).copied();
            match until {
                Some(until) if until > Instant::now() => sleep_until(until).await,
                _ => return,
            }
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        lock(&self.locks.state).until.remove(&self.token);
    }
}

/// Serves a link to a node for management until it ends.
pub(super) async fn serve(shared: &Shared, link: &mut Receiver) {
    link.set_credit_mode(CreditMode::Auto(10));
    if link.set_credit(10).await.is_err() {
        return;
    }
    while let Ok(delivery) = link.recv::<Body<Value>>().await {
        let (info, request) = delivery.into_parts();
        if link.accept(info).await.is_err() {
            return;
        }
        let renewed = match (&shared.locks, read(&request)) {
            (Some(locks), Some(tokens)) => locks.renew(&tokens).then_some((200, "OK")),
            _ => Some((400, "Bad Request")),
        };
        let (status, says) = renewed.unwrap_or((410, "the lock is lost"));
        if let Some(link) = text(&request, "associated-link-name") {
            shared.idle.reset(link);
        }
        let properties = request.properties.unwrap_or_default();
        let Some(reply_to) = properties.reply_to else { continue };
        let answer = Message::builder()
            .properties(Properties { correlation_id: properties.message_id, ..Properties::default() })
            .application_properties(
                ApplicationProperties::builder()
                    .insert("statusCode", SimpleValue::Int(status))
                    .insert("statusDescription", SimpleValue::String(says.to_owned()))
                    .build(),
            )
            .body(Body::Empty)
            .build();
        shared.queue(&replies(&reply_to)).push(answer);
    }
}

/// An application property of a request.
fn text<'a>(request: &'a Message<Body<Value>>, name: &str) -> Option<&'a str> {
    match request.application_properties.as_ref()?.0.get(&name.to_owned())? {
        SimpleValue::String(text) => Some(text),
        _ => None,
    }
}

/// The tokens of a request to renew locks.
fn read(request: &Message<Body<Value>>) -> Option<Vec<[u8; 16]>> {
    if text(request, "operation") != Some("com.microsoft:renew-lock") {
        return None;
    }
    let Body::Value(AmqpValue(Value::Map(map))) = &request.body else { return None };
    let Some(Value::Array(tokens)) = map.get(&Value::String("lock-tokens".to_owned())) else { return None };
    let token = |token: &Value| match token {
        Value::Uuid(token) => Some(*token.as_inner()),
        _ => None,
    };
    tokens.0.iter().map(token).collect()
}
