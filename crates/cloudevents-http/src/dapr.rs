//! The subscriber's side of [Dapr](https://docs.dapr.io/reference/api/pubsub_api/): the list of subscriptions, and statuses of deliveries.
//!
//! Dapr asks an app for its list at `GET /dapr/subscribe`, and posts events in structured mode to the paths of the list. The types that an
//! app writes are serialized as the JSON that Dapr reads:
//!
//! ```
//! use cloudevents_http::dapr::{Status, Subscription};
//!
//! let orders = Subscription::new("pubsub", "orders", "/orders").rule("event.type == 'order.paid'", "/paid");
//! assert_eq!(
//!     serde_json::to_string(&[orders])?,
//!     r#"[{"pubsubname":"pubsub","topic":"orders","routes":{"rules":[{"match":"event.type == 'order.paid'","path":"/paid"}],"default":"/orders"}}]"#
//! );
//! assert_eq!(serde_json::to_string(&Status::Drop)?, r#"{"status":"DROP"}"#);
//! # Ok::<(), serde_json::Error>(())
//! ```
//!
//! A response decides about the message:
//!
//! | response | Dapr |
//! |---|---|
//! | 2xx without a body, or with a body without a status | the message is processed |
//! | 2xx with a [`Status`] | as the status says |
//! | 404 | the message is dropped |
//! | any other status | the message comes again |
//!
//! So an event that is to be rejected needs [`Status::Drop`]: after 400 or 422 it comes again. With a dead-letter topic, Dapr
//! sends dropped messages there, and messages that came too often.

use bytes::Bytes;
use cloudevents_core::{DecodeOptions, Decoded, Error, ErrorKind, Event, Format, codec::check_count};
use cloudevents_json::Json;
use serde::{Deserialize, Serialize, Serializer, ser::SerializeStruct};
use serde_json::value::RawValue;
use std::{collections::BTreeMap, time::Duration};

/// A subscription to a topic, for the list at `GET /dapr/subscribe`. Dapr reads the list once, when the app starts.
///
/// Unknown conditions and components are errors of Dapr, which its log has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Subscription {
    pubsubname: String,
    topic: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    route: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    routes: Option<Routes>,
    #[serde(rename = "deadLetterTopic", skip_serializing_if = "Option::is_none")]
    dead_letter: Option<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    metadata: BTreeMap<String, String>,
    #[serde(rename = "bulkSubscribe", skip_serializing_if = "Option::is_none")]
    bulk: Option<BulkSubscribe>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Routes {
    rules: Vec<Rule>,
    default: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Rule {
    #[serde(rename = "match")]
    condition: String,
    path: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct BulkSubscribe {
    enabled: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_messages_count: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_await_duration_ms: Option<u32>,
}

impl Subscription {
    /// The events of this topic of a pub/sub component go to this path.
    pub fn new(pubsub: impl Into<String>, topic: impl Into<String>, path: impl Into<String>) -> Self {
        Self {
            pubsubname: pubsub.into(),
            topic: topic.into(),
            route: Some(path.into()),
            routes: None,
            dead_letter: None,
            metadata: BTreeMap::new(),
            bulk: None,
        }
    }

    /// Events for which a condition in CEL holds go to another path: `event.type == "order"`. The first rule that holds decides.
    pub fn rule(mut self, condition: impl Into<String>, path: impl Into<String>) -> Self {
        let default = self.route.take().unwrap_or_default();
        let routes = self.routes.get_or_insert(Routes { rules: Vec::new(), default });
        routes.rules.push(Rule { condition: condition.into(), path: path.into() });
        self
    }

    /// The topic for messages that cannot be delivered.
    pub fn dead_letter_topic(mut self, topic: impl Into<String>) -> Self {
        self.dead_letter = Some(topic.into());
        self
    }

    /// Metadata of the subscription, such as `rawPayload`.
    pub fn metadata(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.metadata.insert(name.into(), value.into());
        self
    }

    /// Several messages in one request: read them with [`Bulk::parse`]. `None` leaves a bound to Dapr: 100 messages, a second.
    pub fn bulk(mut self, messages: Option<u32>, wait: Option<Duration>) -> Self {
        let wait = wait.map(|wait| u32::try_from(wait.as_millis()).unwrap_or(u32::MAX));
        self.bulk =
            Some(BulkSubscribe { enabled: true, max_messages_count: messages, max_await_duration_ms: wait });
        self
    }
}

/// What becomes of a message. It is the body of a response with a status of 2xx.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Status {
    /// The message is processed.
    Success,
    /// The message comes again.
    Retry,
    /// The message is dropped, or goes to the dead-letter topic.
    Drop,
}

impl Status {
    /// The name that Dapr reads.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Success => "SUCCESS",
            Self::Retry => "RETRY",
            Self::Drop => "DROP",
        }
    }
}

impl Serialize for Status {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_struct("Status", 1)?;
        object.serialize_field("status", self.as_str())?;
        object.end()
    }
}

/// A request with several messages of a topic.
///
/// ```
/// use cloudevents_core::DecodeOptions;
/// use cloudevents_http::dapr::{Bulk, Status, Statuses};
///
/// let body = r#"{"topic": "orders", "entries": [
///     {"entryId": "a", "event": {"specversion": "1.0", "id": "1", "source": "Dapr", "type": "com.dapr.event.sent"}},
///     {"entryId": "b", "event": {"specversion": "1.0"}}
/// ]}"#;
/// let bulk = Bulk::parse(body, &DecodeOptions::strict())?;
/// let statuses: Statuses = bulk.entries.iter().map(|entry| match &entry.event {
///     Ok(_) => (entry.id.as_str(), Status::Success),
///     Err(_) => (entry.id.as_str(), Status::Drop),
/// }).collect();
/// assert_eq!(
///     serde_json::to_string(&statuses)?,
///     r#"{"statuses":[{"entryId":"a","status":"SUCCESS"},{"entryId":"b","status":"DROP"}]}"#
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct Bulk {
    /// The topic. Empty if the request does not name it.
    pub topic: String,
    /// The messages, in order.
    pub entries: Vec<Entry>,
}

/// A message of a [`Bulk`].
#[derive(Debug)]
#[non_exhaustive]
pub struct Entry {
    /// The id within the request, for its status. It is not the id of the event.
    pub id: String,
    /// The event. An error does not fail the other messages. A message without an envelope (`rawPayload`) is an error.
    pub event: Result<Decoded<Event>, Error>,
}

#[derive(Deserialize)]
struct Document<'a> {
    #[serde(default)]
    topic: String,
    #[serde(borrow)]
    entries: Vec<Item<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Item<'a> {
    entry_id: String,
    #[serde(borrow)]
    event: &'a RawValue,
}

impl Bulk {
    /// Reads the body of a request. Its size, and the number of messages, have the [limits](cloudevents_core::Limits) of the options.
    ///
    /// Errors are of kind [`InvalidDocument`](ErrorKind::InvalidDocument) for a body of another form,
    /// [`TooLarge`](ErrorKind::TooLarge) and [`TooMany`](ErrorKind::TooMany).
    pub fn parse(body: impl AsRef<[u8]>, with: &DecodeOptions) -> Result<Self, Error> {
        let body = body.as_ref();
        with.limits.check_bytes(body.len())?;
        let document: Document<'_> = serde_json::from_slice(body).map_err(|error| {
            let detail = format!("this is no bulk message of Dapr: {error}");
            Error::new(ErrorKind::InvalidDocument).with_detail(detail)
        })?;
        if let Some(last) = document.entries.len().checked_sub(1) {
            check_count(last, 0, &with.limits)?;
        }
        let entry = |item: Item<'_>| {
            let event = Bytes::copy_from_slice(item.event.get().as_bytes());
            Entry { id: item.entry_id, event: Json::new().decode(event, with) }
        };
        Ok(Self { topic: document.topic, entries: document.entries.into_iter().map(entry).collect() })
    }
}

/// The body of the response to a [`Bulk`]: ids of entries and their statuses. A message without a status comes again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Statuses {
    statuses: Vec<EntryStatus>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct EntryStatus(String, Status);

impl Serialize for EntryStatus {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_struct("EntryStatus", 2)?;
        object.serialize_field("entryId", &self.0)?;
        object.serialize_field("status", self.1.as_str())?;
        object.end()
    }
}

impl<I: Into<String>> FromIterator<(I, Status)> for Statuses {
    fn from_iter<T: IntoIterator<Item = (I, Status)>>(statuses: T) -> Self {
        Self { statuses: statuses.into_iter().map(|(id, status)| EntryStatus(id.into(), status)).collect() }
    }
}
