//! Queues that are created on request.

use super::{
    connection::{Connected, runtime},
    options::{QueueType, RabbitConnection, Target, short},
    publisher::declare,
};
use cloudevents_core::{Error, ErrorKind};
use cloudevents_transport::{Endpoint, Place, Side, binding::any_host};
use lapin::types::AMQPValue;
use std::time::Duration;
use tokio::time::timeout;

/// How long the broker may take for one request, unless the URL has `connect-timeout`.
const REQUEST: Duration = Duration::from_secs(10);

/// Declares the durable queue that the option `queue` of the URL names: a quorum queue, unless its option `declare` says otherwise.
///
/// The settings are arguments of the queue, such as `max-length` or `x-max-length`. A whole number becomes an integer, and `true` and `false`
/// become Booleans. If there is such a queue with the same arguments, nothing changes.
///
/// Errors: [`InvalidUrl`](ErrorKind::InvalidUrl); [`Refused`](ErrorKind::Refused) if there is a queue of the name with other arguments, and
/// for arguments and users that the broker does not accept; and errors of connecting.
pub async fn create(endpoint: Endpoint, settings: Vec<(String, String)>) -> Result<Place, Error> {
    let connection = RabbitConnection { connect_timeout: REQUEST, ..RabbitConnection::default() };
    let target = Target::new(&endpoint, connection, Side::Both)?;
    let Some(name) = endpoint.option("queue").filter(|queue| !queue.is_empty()) else {
        return Err(endpoint.invalid("the option `queue` does not name the queue to create"));
    };
    let queue = short("queue", name)?;
    let queue_type = QueueType::from_url(&endpoint, "declare")?.unwrap_or(QueueType::Quorum);
    let mut arguments = queue_type.arguments();
    for (name, text) in &settings {
        let name = if name.starts_with("x-") { name.clone() } else { format!("x-{name}") };
        arguments.insert(short("the name of a setting", &name)?, value(text));
    }
    runtime()?;
    let limit = target.options.connect_timeout;
    let begin = |host| {
        let target = &target;
        async move { Connected::begin(target, &host).await }
    };
    let connected = any_host(&target.hosts, limit, begin).await?;
    let late =
        |_| Error::new(ErrorKind::Timeout).with_detail(format!("the broker did not answer within {limit:?}"));
    let declared = timeout(limit, declare(&connected, &queue, arguments)).await.map_err(late)?;
    declared.map_err(|error| match error.detail().contains("inequivalent arg") {
        true => error.with_help("there is a queue of this name with other settings, which cannot be changed"),
        false if error.kind() == ErrorKind::Refused => {
            error.with_help("check the settings, which are arguments of the queue, such as `max-length`")
        }
        false => error,
    })?;
    connected.close().await;
    Ok(Place::new("queue", name).with("type", queue_type.to_string()))
}

fn value(text: &str) -> AMQPValue {
    match (text, text.parse()) {
        (_, Ok(number)) => AMQPValue::LongLongInt(number),
        ("true" | "false", _) => AMQPValue::Boolean(text == "true"),
        _ => AMQPValue::LongString(text.into()),
    }
}
