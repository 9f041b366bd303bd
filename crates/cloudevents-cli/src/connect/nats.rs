//! `nats` and `nats+jetstream` URLs.

use super::{Opened, Sending, check_options, failed};
use crate::failure::Failure;
use cloudevents_kit::{
    Sender,
    nats::async_nats051::{self, NatsReceiverOptions, NatsSenderOptions},
    transport::{Bounds, Endpoint, ReceiverOptions},
};
use std::sync::Arc;

pub(super) async fn sender(endpoint: &Endpoint, sending: &Sending) -> Result<Sender, Failure> {
    check_options(endpoint)?;
    let mut options = NatsSenderOptions::default();
    options.sender.enqueue_timeout = sending.timeout;
    options.sender.losses = sending.losses;
    options.sender.peer = sending.peer;
    options.timeout = sending.timeout;
    options.connection.connect_timeout = sending.timeout;
    options.in_flight = Bounds { messages: sending.parallel, ..options.in_flight };
    if sending.documents {
        options.format = Some(Arc::new(cloudevents_kit::json::Json::new()));
    }
    async_nats051::sender(endpoint.clone(), options).await.map_err(failed)
}

pub(super) async fn receiver(endpoint: &Endpoint, options: ReceiverOptions) -> Result<Opened, Failure> {
    let mut options = NatsReceiverOptions::from(options);
    if endpoint.option("dead-letter").is_none() && endpoint.option("reject").is_none() {
        let queue = std::mem::take(&mut options.queue);
        let is_stored = endpoint.scheme().contains("jetstream");
        options.queue = if is_stored { queue.rejecting_to_broker() } else { queue.dropping_rejected() };
    }
    let receiver = async_nats051::receiver(endpoint.clone(), options).await.map_err(failed)?;
    Ok(Opened { receiver, url: super::shown(endpoint.expose_url()), notes: Vec::new() })
}
