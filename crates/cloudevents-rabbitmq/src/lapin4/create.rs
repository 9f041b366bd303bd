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

/// The arguments of queues, without `x-`. RabbitMQ ignores all others.
const ARGUMENTS: [&str; 16] = [
    "consumer-timeout",
    "dead-letter-exchange",
    "dead-letter-routing-key",
    "dead-letter-strategy",
    "delivery-limit",
    "expires",
    "max-length",
    "max-length-bytes",
    "max-priority",
    "message-ttl",
    "overflow",
    "queue-leader-locator",
    "queue-mode",
    "queue-version",
    "quorum-initial-group-size",
    "single-active-consumer",
];

/// Declares the durable queue that the option `queue` of the URL names: a quorum queue, unless its option `declare` says otherwise.
///
/// The settings are arguments of the queue, such as `max-length`. Names with `x-` are taken as they are, for arguments of plugins. A whole
/// number becomes an integer, and `true` and `false` become Booleans. If there is such a queue with the same arguments, nothing changes.
///
/// Errors: [`InvalidUrl`](ErrorKind::InvalidUrl); [`Unsupported`](ErrorKind::Unsupported) for settings that queues do not have;
/// [`Refused`](ErrorKind::Refused) if there is a queue of the name with other arguments, and for arguments and users that the broker does
/// not accept; and errors of connecting.
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
        arguments.insert(short("the name of a setting", &argument(name)?)?, value(text));
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

/// The argument of a setting. RabbitMQ would accept a wrong one, and ignore it.
fn argument(name: &str) -> Result<String, Error> {
    if name.starts_with("x-") {
        return Ok(name.to_owned());
    }
    if !ARGUMENTS.contains(&name) {
        return Err(Error::new(ErrorKind::Unsupported)
            .with_detail(format!("a queue has no setting `{name}`"))
            .with_help(format!("the settings are `{}`, and any name with `x-`", ARGUMENTS.join("`, `"))));
    }
    Ok(format!("x-{name}"))
}

fn value(text: &str) -> AMQPValue {
    match (text, text.parse()) {
        (_, Ok(number)) => AMQPValue::LongLongInt(number),
        ("true" | "false", _) => AMQPValue::Boolean(text == "true"),
        _ => AMQPValue::LongString(text.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_arguments_that_queues_have() {
        assert_eq!(argument("max-length").unwrap(), "x-max-length");
        assert_eq!(argument("x-of-a-plugin").unwrap(), "x-of-a-plugin");
        let error = argument("max-lenght").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(error.help().unwrap().contains("`max-length`"), "{error:?}");
        for (text, known) in [
            ("1000", AMQPValue::LongLongInt(1000)),
            ("true", AMQPValue::Boolean(true)),
            ("reject-publish", AMQPValue::LongString("reject-publish".into())),
        ] {
            assert_eq!(value(text), known, "{text}");
        }
    }
}
