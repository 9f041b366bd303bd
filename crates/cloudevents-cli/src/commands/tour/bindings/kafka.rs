//! Kafka, with librdkafka's mock cluster.

use super::{super::route::Route, Binding};
use cloudevents_testkit::kafka::Broker;

pub(super) const BINDING: Binding = Binding {
    name: "Kafka",
    server: "a broker",
    binary: Some("attributes in record headers, the payload in the value"),
    why: "text headers",
    batches: false,
    formats: None,
    head: |received| {
        let place = received.partition().map(ToString::to_string).unwrap_or_default();
        format!("record {} of {place}", received.offset().unwrap_or_default())
    },
    open: || {
        Box::pin(async {
            let broker = Broker::start().map_err(Route::failed)?;
            broker.create_topic("tour", 1).map_err(Route::failed)?;
            let url = broker.url("tour");
            // One message at a time is in flight: nothing to collect, nothing to reorder.
            let from = format!("{url}?group=tour&reject=drop&fetch.wait.max.ms=1");
            let (receiver, _) = Route::receiver(&from).await?;
            let sender = Route::sender(&format!("{url}?enable.idempotence=false")).await?;
            Ok(Route::new(&BINDING, url, (sender, receiver), broker))
        })
    },
};
