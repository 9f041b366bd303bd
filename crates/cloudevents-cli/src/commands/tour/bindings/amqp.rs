//! AMQP 1.0, with the broker of the testkit.

use super::{super::route::Route, Binding};
use crate::failure::{Failure, Status};
use cloudevents_testkit::amqp::Broker;

pub(super) const BINDING: Binding = Binding {
    name: "AMQP",
    server: "a broker",
    binary: Some("attributes in application properties, the payload in a data section"),
    why: "timestamps without offset",
    batches: false,
    formats: None,
    head: |received| format!("message at the address {}", received.topic().unwrap_or_default()),
    open: || {
        Box::pin(async {
            let broker = Broker::start()
                .map_err(|error| Failure::new(Status::Network, format!("no AMQP broker: {error}")))?;
            let url = broker.url("tour");
            let (receiver, _) = Route::receiver(&format!("{url}?reject=drop")).await?;
            let sender = Route::sender(&url).await?;
            Ok(Route::new(&BINDING, url, (sender, receiver), broker))
        })
    },
};
