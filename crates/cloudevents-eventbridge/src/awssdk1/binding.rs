//! The binding as a value.

use super::{sender, urls::URLS};
use crate::encode_message;
use cloudevents_core::{Error, ErrorKind, Message};
use cloudevents_transport::{Binding, Create, Look, Part, Show};
use futures_util::FutureExt;
use std::future::ready;

/// Amazon EventBridge, for programs that know more than one protocol. Nothing is received from a bus: its function for receivers returns
/// the error that names the way.
pub static BINDING: Binding = Binding {
    urls: &URLS,
    sender: Some(|endpoint, options| sender(endpoint, options.into()).boxed()),
    receiver: Some(|_, _| {
        let error =
            Error::new(ErrorKind::Unsupported).with_detail("nothing is received from a bus of EventBridge");
        ready(Err(error.with_help(
            "make a queue of SQS the target of a rule, and receive from the queue with the adapter `aws-eventbridge`",
        )))
        .boxed()
    }),
    look: Look::Elsewhere(
        "`aws events list-event-buses` lists buses, and `aws events list-rules` the rules of one",
    ),
    create: Create::Elsewhere("`aws events create-event-bus --name <name>` creates a bus"),
    show: Some(Show { kind: "bus", parts }),
};

/// The document, and the members that rules see beside it.
fn parts(message: &Message) -> Result<Vec<(&'static str, Part)>, Error> {
    let entry = encode_message(message)?;
    Ok(vec![
        ("detail", Part::Bytes(entry.detail)),
        ("detail-type", Part::Text(entry.detail_type)),
        ("source", Part::Text(entry.source)),
        ("resources", Part::Texts(entry.resources)),
    ])
}
