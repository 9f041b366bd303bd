//! The binding as a value.

use super::{sender, urls::URLS};
use cloudevents_core::{Error, ErrorKind};
use cloudevents_transport::{Binding, Look};
use futures_util::FutureExt;
use std::future::ready;

/// Amazon SNS, for programs that know more than one protocol. Nothing is received from a topic: its function for receivers returns the
/// error that names the way.
pub static BINDING: Binding = Binding {
    urls: &URLS,
    sender: Some(|endpoint, options| sender(endpoint, options.into()).boxed()),
    receiver: Some(|_, _| {
        let error = Error::new(ErrorKind::Unsupported).with_detail("nothing is received from a topic of SNS");
        ready(Err(error.with_help(
            "subscribe a queue of SQS with raw message delivery, and receive from the queue; or subscribe an HTTP endpoint",
        )))
        .boxed()
    }),
    look: Look::Elsewhere("`aws sns list-topics` lists topics, and `aws sns get-topic-attributes` shows one"),
};
