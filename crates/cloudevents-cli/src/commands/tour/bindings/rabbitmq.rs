//! RabbitMQ (AMQP 0.9.1), with the broker of the testkit.

use super::{super::route::Route, Binding};
use crate::failure::{Failure, Status};
use cloudevents_testkit::rabbitmq::Broker;

pub(super) const BINDING: Binding = Binding {
    name: "RabbitMQ",
    server: "a broker",
    binary: Some("attributes in headers, and the payload as it is"),
    why: "text headers",
    batches: false,
    formats: None,
    head: |received| format!("message in the queue {}", received.topic().unwrap_or_default()),
    open: || {
        Box::pin(async {
            let broker = Broker::start()
                .map_err(|error| Failure::new(Status::Network, format!("no RabbitMQ broker: {error}")))?;
            broker.queue("tour");
            let url = broker.url("queue=tour");
            let (receiver, _) = Route::receiver(&format!("{url}&reject=drop")).await?;
            let sender = Route::sender(&url).await?;
            Ok(Route::new(&BINDING, url, (sender, receiver), broker))
        })
    },
};
