//! Messages of any protocol whose bodies are documents of other systems.

use crate::{Adapters, choice::joined, header_text, may_be_foreign};
use bytes::Bytes;
use cloudevents_core::{DecodeOptions, Decoded, Error, Message};
use cloudevents_transport::Received;
use std::borrow::Cow;

impl Adapters {
    /// Makes a message of events of a message whose body is a document of another system.
    ///
    /// It is for [`Receiver::convert`](cloudevents_transport::Receiver::convert), and so for bridges. `None` for every other message, which
    /// stays as it is.
    ///
    /// The adapter gets the headers of the message. Otherwise it is as [`message_of`](Self::message_of).
    ///
    /// ```
    /// use cloudevents_adapters::Adapters;
    /// use cloudevents_transport::Receiver;
    ///
    /// fn of_any_system(receiver: Receiver) -> Receiver {
    ///     let adapters = Adapters::known();
    ///     receiver.convert(move |received, with| adapters.message(received, with))
    /// }
    /// ```
    pub fn message(
        &self,
        received: &Received,
        with: &DecodeOptions,
    ) -> Option<Result<Decoded<Message>, Error>> {
        let body = body(received)?;
        let headers = received.headers();
        Some(joined(self.events(&texts(&headers), &body, with)?))
    }

    /// The error that names the system of a message's document, and `how` to make events of it.
    ///
    /// It is for [`Receiver::convert`](cloudevents_transport::Receiver::convert) if such messages are not converted. `how` gets the name of
    /// the adapter. The error is the error of [`Adapter::unread`](crate::Adapter::unread). `None` for a message of no known system, and for
    /// a message that is marked as a CloudEvent.
    ///
    /// ```
    /// use cloudevents_adapters::Adapters;
    /// use cloudevents_transport::Receiver;
    ///
    /// /// The response of a server of HTTP to such a request names the system.
    /// fn names_systems(receiver: Receiver) -> Receiver {
    ///     let adapters = Adapters::known();
    ///     let how = |name: &str| format!("send it to /hooks/{name}");
    ///     receiver.convert(move |received, _| adapters.named(received, how).map(Err))
    /// }
    /// ```
    pub fn named(&self, received: &Received, how: impl Fn(&str) -> String) -> Option<Error> {
        // A message that is marked as an event is not examined.
        received.decoded_message().err()?;
        let body = body(received)?;
        let headers = received.headers();
        let headers = texts(&headers);
        let adapter = self.recognize_message(&headers, &body)?;
        Some(adapter.unread_message(&headers, &body, &how(adapter.name())))
    }
}

/// The body of a message that may be a document in JSON.
fn body(received: &Received) -> Option<Bytes> {
    if !may_be_foreign(received.decoded_message()) {
        return None;
    }
    received.whole_body().ok()?
}

/// The headers whose values are texts.
fn texts<'a>(headers: &'a [(&'a str, Option<Cow<'a, [u8]>>)]) -> Vec<(&'a str, &'a str)> {
    let text = |value: &'a Option<Cow<'a, [u8]>>| header_text(value.as_deref()?);
    headers.iter().filter_map(|(name, value)| Some((*name, text(value)?))).collect()
}
