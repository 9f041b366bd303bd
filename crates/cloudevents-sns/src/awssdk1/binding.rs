//! The binding as a value.

use super::{sender, urls::URLS};
use crate::encode_message;
use cloudevents_core::{Error, ErrorKind, Message};
use cloudevents_transport::{Binding, Create, Look, Part, Show};
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
    create: Create::Elsewhere("`aws sns create-topic --name <name>` creates a topic"),
    show: Some(Show { kind: "topic", parts }),
};

/// The attributes of a message, in their order, and its body.
fn parts(message: &Message) -> Result<Vec<(&'static str, Part)>, Error> {
    let written = encode_message(message)?;
    let attributes = written.attributes.into_iter().map(|(name, value)| (name, value.value)).collect();
    Ok(vec![("attributes", Part::Headers(attributes)), ("body", Part::Bytes(written.body))])
}
