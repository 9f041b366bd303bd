//! A queue, as a broker shows it. AMQP 0.9.1 shows the numbers of a queue that is named, and has no list of queues.

use super::{
    connection::{Connected, runtime},
    failure,
    options::{RabbitConnection, Target, short},
};
use cloudevents_core::{Error, ErrorKind};
use cloudevents_transport::{Endpoint, Place, Places, Side, binding::any_host};
use lapin::{options::QueueDeclareOptions, types::FieldTable};
use std::time::Duration;
use tokio::time::timeout;

/// How long the broker may take for one request, unless the URL has `connect-timeout`.
const REQUEST: Duration = Duration::from_secs(10);

/// Declares the queue passively, which changes nothing.
pub(super) async fn look(endpoint: Endpoint) -> Result<Places, Error> {
    let connection = RabbitConnection { connect_timeout: REQUEST, ..RabbitConnection::default() };
    let target = Target::new(&endpoint, connection, Side::Both)?;
    let Some(name) = endpoint.option("queue").filter(|queue| !queue.is_empty()) else {
        return Err(Error::new(ErrorKind::Unsupported)
            .with_detail("AMQP 0.9.1 does not list queues")
            .with_help(format!(
                "name one: `queue=<name>`; `rabbitmqctl list_queues -p {} name messages_ready messages_unacknowledged consumers` \
                 lists all, and so does the management API",
                target.vhost
            )));
    };
    let queue = short("queue", name)?;
    runtime()?;
    let limit = target.options.connect_timeout;
    let begin = |host| {
        let target = &target;
        async move { Connected::begin(target, &host).await }
    };
    let connected = any_host(&target.hosts, limit, begin).await?;
    let looking = async {
        let channel = connected.channel().await?;
        let options = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
        let declared = channel.queue_declare(queue, options, FieldTable::default()).await;
        declared.map_err(failure::refusal).map_err(|error| match error.detail().contains("NOT_FOUND") {
            true => error.with_help("check the name of the queue and the virtual host, which is the path"),
            false => error,
        })
    };
    let late =
        || Error::new(ErrorKind::Timeout).with_detail(format!("the broker did not answer within {limit:?}"));
    let declared = timeout(limit, looking).await.unwrap_or_else(|_| Err(late()))?;
    let place = Place::new("queue", name)
        .with("ready", u64::from(declared.message_count()))
        .with("consumers", u64::from(declared.consumer_count()));
    connected.close().await;
    Ok([place].into_iter().collect())
}
