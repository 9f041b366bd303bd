//! Kafka, with librdkafka's mock cluster.

use super::{super::route::Route, Binding};
use cloudevents_testkit::kafka::Broker;

pub(super) const BINDING: Binding = Binding {
    name: "Kafka",
    server: "a broker",
    binary: "attributes in record headers, the payload in the value",
    batches: false,
    head: |raw| {
        let place = raw.partition.as_ref().map(ToString::to_string).unwrap_or_default();
        format!("record {} of {place}", raw.position.unwrap_or_default())
    },
    open: || {
        Box::pin(async {
            let broker = Broker::start().map_err(Route::failed)?;
            broker.create_topic("tour", 1).map_err(Route::failed)?;
            let url = broker.url("tour");
            // One message at a time is under way: there is nothing to gather, and nothing to overtake.
            let from = format!("{url}?group=tour&reject=drop&fetch.wait.max.ms=1");
            let (receiver, _) = Route::receiver(&from).await?;
            let sender = Route::sender(&format!("{url}?enable.idempotence=false")).await?;
            Ok(Route::new(&BINDING, url, (sender, receiver), broker))
        })
    },
};
