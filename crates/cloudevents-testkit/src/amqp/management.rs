//! The node `$management` of a queue, by which receivers renew locks.

use super::{
    cbs::{answers, text},
    shared::Shared,
};
use fe2o3_amqp::Receiver;
use fe2o3_amqp_types::{
    messaging::{AmqpValue, Body, Message},
    primitives::Value,
};

/// The end of the address of a node that renews the locks of a queue.
pub(super) const MANAGEMENT: &str = "/$management";

/// Serves a link to a node for management until it ends.
pub(super) async fn serve(shared: &Shared, link: &mut Receiver) {
    let answer = |request: &Message<Body<Value>>| {
        if let Some(link) = text(request, "associated-link-name") {
            shared.idle.reset(link);
        }
        let (status, says) = match (&shared.locks, read(request)) {
            (Some(locks), Some(tokens)) if locks.renew(&tokens) => (200, "OK"),
            (Some(_), Some(_)) => (410, "the lock is lost"),
            _ => (400, "Bad Request"),
        };
        (status, says.to_owned())
    };
    answers(shared, link, ["statusCode", "statusDescription"], answer).await;
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
