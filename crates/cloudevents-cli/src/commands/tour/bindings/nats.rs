//! Core NATS, with the server of the testkit.

use super::{super::route::Route, Binding};
use crate::failure::{Failure, Status};
use cloudevents_testkit::nats::Server;

pub(super) const BINDING: Binding = Binding {
    name: "NATS",
    server: "a server",
    binary: Some("attributes in headers, percent-encoded, and the payload as it is"),
    why: "text headers",
    batches: false,
    formats: Some(&["json"]), // NATS-3-b
    head: |received| format!("message to the subject {}", received.topic().unwrap_or_default()),
    open: || {
        Box::pin(async {
            let server = Server::start()
                .map_err(|error| Failure::new(Status::Network, format!("no NATS server: {error}")))?;
            let url = server.url("tour");
            let (receiver, _) = Route::receiver(&format!("{url}?reject=drop")).await?;
            let sender = Route::sender(&url).await?;
            Ok(Route::new(&BINDING, url, (sender, receiver), server))
        })
    },
};
