//! `amqp` and `amqps` URLs: AMQP 1.0.

use super::{Opened, Sending, check_options, failed};
use crate::failure::Failure;
use cloudevents_kit::{
    Error, Sender,
    amqp::fe2o3_amqp018::{self, AmqpReceiverOptions, AmqpRefusal, AmqpSenderOptions},
    transport::{Bounds, Endpoint, ReceiverOptions},
};
use std::error::Error as _;

pub(super) async fn sender(endpoint: &Endpoint, sending: &Sending) -> Result<Sender, Failure> {
    check_options(endpoint)?;
    check_tls(endpoint)?;
    let mut options = AmqpSenderOptions::default();
    options.sender.enqueue_timeout = sending.timeout;
    options.sender.losses = sending.losses;
    options.sender.peer = sending.peer;
    options.timeout = sending.timeout;
    options.connection.connect_timeout = sending.timeout;
    options.in_flight = Bounds { messages: sending.parallel, ..options.in_flight };
    fe2o3_amqp018::sender(endpoint.clone(), options).await.map_err(failed)
}

pub(super) async fn receiver(endpoint: &Endpoint, options: ReceiverOptions) -> Result<Opened, Failure> {
    check_tls(endpoint)?;
    let mut options = AmqpReceiverOptions::from(options);
    if endpoint.option("dead-letter").is_none() && endpoint.option("reject").is_none() {
        options.queue = std::mem::take(&mut options.queue).rejecting_to_broker();
    }
    let receiver = fe2o3_amqp018::receiver(endpoint.clone(), options).await.map_err(failed)?;
    Ok(Opened { receiver, url: super::shown(endpoint.expose_url()), notes: Vec::new() })
}

/// Whether the broker may accept the message later.
pub(super) fn is_temporary(error: &Error) -> bool {
    let refusal = error.source().and_then(|source| source.downcast_ref::<AmqpRefusal>());
    refusal.is_some_and(AmqpRefusal::is_temporary)
}

fn check_tls(endpoint: &Endpoint) -> Result<(), Failure> {
    if endpoint.scheme() == "amqps" && !cfg!(feature = "tls") {
        return Err(Failure::usage("this build of ce has no TLS").help("build it with the feature `tls`"));
    }
    Ok(())
}
