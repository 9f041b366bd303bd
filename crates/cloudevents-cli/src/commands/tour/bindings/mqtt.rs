//! MQTT 5, with the broker of the testkit.

use super::{super::route::Route, Binding};
use crate::failure::{Failure, Status};
use cloudevents_testkit::mqtt::Broker;

pub(super) const BINDING: Binding = Binding {
    name: "MQTT",
    server: "a broker",
    binary: Some("attributes in user properties, the payload in the payload"),
    why: "text properties",
    batches: false,
    formats: None,
    head: |received| format!("message on the topic {}", received.topic().unwrap_or_default()),
    open: || {
        Box::pin(async {
            let broker = Broker::start()
                .map_err(|error| Failure::new(Status::Network, format!("no MQTT broker: {error}")))?;
            let url = broker.url("tour");
            let (receiver, _) = Route::receiver(&format!("{url}?reject=drop")).await?;
            let sender = Route::sender(&url).await?;
            Ok(Route::new(&BINDING, url, (sender, receiver), broker))
        })
    },
};
