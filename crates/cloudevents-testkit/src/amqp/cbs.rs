//! The node `$cbs`, to which clients send tokens (AMQP Claims-based Security, version 1.0, working draft).

use super::{
    mutex::lock,
    shared::Shared,
    tokens::{PutToken, Tokens},
};
use fe2o3_amqp::{Receiver, link::receiver::CreditMode};
use fe2o3_amqp_types::{
    messaging::{AmqpValue, ApplicationProperties, Body, Message, Properties},
    primitives::{SimpleValue, Value},
};
use std::time::SystemTime;

/// The node for tokens.
pub(super) const CBS: &str = "$cbs";

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
    let answer = |request: &Message<Body<Value>>| match read(request) {
        Ok(put) => {
            tokens.put(&put);
            lock(&shared.tokens).push(put);
            shared.changed.notify_waiters();
            (202, "Accepted".to_owned())
        }
        Err(says) => (400, says),
    };
    answers(shared, link, ["status-code", "status-description"], answer).await;
}

/// Answers the requests on a link until it ends, with a status and a text by these names.
pub(super) async fn answers(
    shared: &Shared,
    link: &mut Receiver,
    [code, description]: [&str; 2],
    answer: impl Fn(&Message<Body<Value>>) -> (i32, String),
) {
    link.set_credit_mode(CreditMode::Auto(10));
    if link.set_credit(10).await.is_err() {
        return;
    }
    while let Ok(delivery) = link.recv::<Body<Value>>().await {
        let (info, request) = delivery.into_parts();
        if link.accept(info).await.is_err() {
            return;
        }
        let (status, says) = answer(&request);
        let properties = request.properties.unwrap_or_default();
        let Some(reply_to) = properties.reply_to else { continue };
        let answer = Message::builder()
            .properties(Properties { correlation_id: properties.message_id, ..Properties::default() })
            .application_properties(
                ApplicationProperties::builder()
                    .insert(code, SimpleValue::Int(status))
                    .insert(description, SimpleValue::String(says))
                    .build(),
            )
            .body(Body::Empty)
            .build();
        shared.queue(&replies(&reply_to)).push(answer);
    }
}

/// An application property of a request.
pub(super) fn text<'a>(request: &'a Message<Body<Value>>, name: &str) -> Option<&'a str> {
    match request.application_properties.as_ref()?.0.get(&name.to_owned())? {
        SimpleValue::String(text) => Some(text),
        _ => None,
    }
}

fn read(request: &Message<Body<Value>>) -> Result<PutToken, String> {
    if text(request, "operation") != Some("put-token") {
        return Err("the operation is not put-token".to_owned());
    }
    let kind = text(request, "type").ok_or("there is no type")?.to_owned();
    let audience = text(request, "name").ok_or("there is no name")?.to_owned();
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
