//! The node `$cbs`, to which clients send tokens (AMQP Claims-based Security, version 1.0, working draft).

use super::{
    broker::{Shared, lock},
    connection::CBS,
};
use fe2o3_amqp::{Receiver, link::receiver::CreditMode};
use fe2o3_amqp_types::{
    messaging::{AmqpValue, ApplicationProperties, Body, Message, Properties},
    primitives::{SimpleValue, Value},
};
use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};

/// A token that was put on `$cbs`.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PutToken {
    /// The token type, such as `servicebus.windows.net:sastoken`.
    pub kind: String,
    /// The audience of the token: `amqp://host/orders`.
    pub audience: String,
    /// The token.
    pub token: String,
    /// When it expires, in seconds since 1970: the `se` of a shared access signature.
    pub expires: Option<u64>,
}

impl fmt::Debug for PutToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PutToken")
            .field("kind", &self.kind)
            .field("audience", &self.audience)
            .field("expires", &self.expires)
            .finish_non_exhaustive()
    }
}

/// The tokens of a connection: when they expire, by audience.
#[derive(Clone, Default)]
pub(super) struct Tokens(Arc<Mutex<HashMap<String, Option<u64>>>>);

impl Tokens {
    /// Whether there is an unexpired token for this address.
    pub(super) fn allow(&self, address: &str) -> bool {
        self.left(address).is_some()
    }

    /// Waits until no unexpired token for this address is left.
    pub(super) async fn expired(&self, address: &str) {
        while let Some(left) = self.left(address) {
            tokio::time::sleep(left.max(Duration::from_millis(10))).await;
        }
    }

    /// How long the address may be used.
    fn left(&self, address: &str) -> Option<Duration> {
        let tokens = lock(&self.0);
        let found = tokens.iter().filter(|(audience, _)| audience.ends_with(&format!("/{address}")));
        found
            .filter_map(|(_, expires)| match expires {
                None => Some(Duration::from_secs(3600)),
                Some(expires) => {
                    let expires = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(*expires))?;
                    expires.duration_since(SystemTime::now()).ok()
                }
            })
            .max()
    }
}

/// The name of the queue of replies to this address.
pub(super) fn replies(reply_to: &str) -> String {
    format!("{CBS}/{reply_to}")
}

pub(super) async fn has_tokens(shared: &Shared, count: usize) {
    loop {
        let changed = shared.changed.notified();
        if lock(&shared.tokens).len() >= count {
            return;
        }
        changed.await;
    }
}

/// Serves a link until it ends.
pub(super) async fn serve(shared: &Shared, tokens: &Tokens, link: &mut Receiver) {
    link.set_credit_mode(CreditMode::Auto(10));
    if link.set_credit(10).await.is_err() {
        return;
    }
    while let Ok(delivery) = link.recv::<Body<Value>>().await {
        let (info, request) = delivery.into_parts();
        if link.accept(info).await.is_err() {
            return;
        }
        let (status, says) = match read(&request) {
            Ok(put) => {
                lock(&tokens.0).insert(put.audience.clone(), put.expires);
                lock(&shared.tokens).push(put);
                shared.changed.notify_waiters();
                (202, "Accepted".to_owned())
            }
            Err(says) => (400, says),
        };
        let properties = request.properties.unwrap_or_default();
        let Some(reply_to) = properties.reply_to else { continue };
        let answer = Message::builder()
            .properties(Properties { correlation_id: properties.message_id, ..Properties::default() })
            .application_properties(
                ApplicationProperties::builder()
                    .insert("status-code", SimpleValue::Int(status))
                    .insert("status-description", SimpleValue::String(says))
                    .build(),
            )
            .body(Body::Empty)
            .build();
        shared.queue(&replies(&reply_to)).push(answer);
    }
}

fn read(request: &Message<Body<Value>>) -> Result<PutToken, String> {
    let text = |name: &str| {
        let properties = &request.application_properties.as_ref()?.0;
        match properties.get(&name.to_owned())? {
            SimpleValue::String(text) => Some(text.clone()),
            _ => None,
        }
    };
    if text("operation").as_deref() != Some("put-token") {
        return Err("the operation is not put-token".to_owned());
    }
    let (kind, audience) = (text("type").ok_or("there is no type")?, text("name").ok_or("there is no name")?);
    let Body::Value(AmqpValue(Value::String(token))) = &request.body else {
        return Err("the body is no token".to_owned());
    };
    let expires = token.split(['&', ' ']).find_map(|field| field.strip_prefix("se="));
    let expires = match expires.map(str::parse::<u64>) {
        None if kind.ends_with(":sastoken") => {
            return Err("the token does not say when it expires".to_owned());
        }
        None => None,
        Some(Ok(expires)) => Some(expires),
        Some(Err(_)) => return Err(format!("when the token expires is not a number: {token}")),
    };
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    if expires.is_some_and(|expires| expires <= now) {
        return Err("the token has expired".to_owned());
    }
    Ok(PutToken { kind, audience, token: token.clone(), expires })
}
