//! The node `$management` of a queue, by which receivers renew locks.

use super::{cbs::replies, shared::Shared};
use fe2o3_amqp::{Receiver, link::receiver::CreditMode};
use fe2o3_amqp_types::{
    messaging::{AmqpValue, ApplicationProperties, Body, Message, Properties},
    primitives::{SimpleValue, Value},
};

/// The end of the address of a node that renews the locks of a queue.
pub(super) const MANAGEMENT: &str = "/$management";

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
