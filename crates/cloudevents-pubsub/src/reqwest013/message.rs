//! Messages as the JSON of the API: <https://cloud.google.com/pubsub/docs/reference/rest/v1/PubsubMessage>.

use super::{connection::parsed, failure::garbled, received::ReceivedMessage};
use base64_simd::STANDARD;
use bytes::Bytes;
use cloudevents_carriers::CarrierMessage;
use cloudevents_core::{Error, Timestamp};
use cloudevents_transport::binding::refused;
use serde::{Deserialize, Serialize, Serializer};
use std::{borrow::Cow, collections::BTreeMap, sync::Arc, time::SystemTime};

/// The bytes of a request besides its messages.
const FRAME: usize = r#"{"messages":[]}"#.len();

/// A message on its way.
#[derive(Clone, Debug)]
pub(super) struct Written {
    /// The message as JSON, with its data in Base64.
    pub(super) json: Bytes,
    pub(super) ordering_key: Option<Arc<str>>,
}

impl Written {
    /// Writes a message.
    pub(super) fn new(message: &CarrierMessage, ordering_key: Option<String>) -> Result<Self, Error> {
        let ordering_key: Option<Arc<str>> = ordering_key.map(Into::into);
        let outgoing = Outgoing {
            data: STANDARD.encode_to_string(&message.body),
            attributes: Attributes(message),
            ordering_key: ordering_key.as_deref(),
        };
        let json = serde_json::to_vec(&outgoing).map_err(refused)?;
        Ok(Self { json: json.into(), ordering_key })
    }

    /// The bytes that a request has for this message alone.
    pub(super) fn size(&self) -> usize {
        // With a comma.
        self.json.len().saturating_add(1).saturating_add(FRAME)
    }
}

/// The body of a request that sends these messages.
pub(super) fn publish(messages: &[Written]) -> Vec<u8> {
    let size = messages.iter().map(Written::size).fold(FRAME, usize::saturating_add);
    let mut body = Vec::with_capacity(size);
    body.extend_from_slice(br#"{"messages":["#);
    for (number, message) in messages.iter().enumerate() {
        if number > 0 {
            body.push(b',');
        }
        body.extend_from_slice(&message.json);
    }
    body.extend_from_slice(b"]}");
    body
}

/// The number of messages that Pub/Sub has stored for a request.
pub(super) fn stored(body: &[u8]) -> Result<usize, Error> {
    let answer: Published<'_> = parsed(body)?;
    Ok(answer.message_ids.len())
}

/// The body of a request for messages.
pub(super) fn pull(most: usize, is_immediate: bool) -> Result<Vec<u8>, Error> {
    let most = i32::try_from(most).unwrap_or(i32::MAX);
    serde_json::to_vec(&Pull { max_messages: most, return_immediately: is_immediate }).map_err(refused)
}

/// The body of a request that acknowledges messages, or that sets their deadline to so many seconds.
pub(super) fn settle(ack_ids: &[Arc<str>], seconds: Option<i32>) -> Result<Vec<u8>, Error> {
    let ack_ids = ack_ids.iter().map(|id| &**id).collect();
    serde_json::to_vec(&Settle { ack_ids, ack_deadline_seconds: seconds }).map_err(refused)
}

/// The messages of an answer.
pub(super) fn received(body: &[u8], subscription: &Arc<str>) -> Result<Vec<ReceivedMessage>, Error> {
    let answer: Pulled<'_> = parsed(body)?;
    answer.received_messages.into_iter().map(|incoming| incoming.message(subscription)).collect()
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Outgoing<'a> {
    #[serde(skip_serializing_if = "String::is_empty")]
    data: String,
    attributes: Attributes<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ordering_key: Option<&'a str>,
}

struct Attributes<'a>(&'a CarrierMessage);

impl Serialize for Attributes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.texts())
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Published<'a> {
    #[serde(borrow, default)]
    message_ids: Vec<Cow<'a, str>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Pull {
    max_messages: i32,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    return_immediately: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Settle<'a> {
    ack_ids: Vec<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ack_deadline_seconds: Option<i32>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Pulled<'a> {
    #[serde(borrow, default)]
    received_messages: Vec<Incoming<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Incoming<'a> {
    ack_id: String,
    #[serde(borrow, default)]
    message: Content<'a>,
    /// Only where the subscription has a policy for dead letters.
    delivery_attempt: Option<u32>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Content<'a> {
    #[serde(borrow, default)]
    data: Cow<'a, str>,
    /// In the order of their names: a map of JSON has none.
    #[serde(default)]
    attributes: BTreeMap<String, String>,
    #[serde(default)]
    message_id: String,
    #[serde(borrow)]
    publish_time: Option<Cow<'a, str>>,
    ordering_key: Option<String>,
}

impl Incoming<'_> {
    fn message(self, subscription: &Arc<str>) -> Result<ReceivedMessage, Error> {
        let Content { data, attributes, message_id, publish_time, ordering_key } = self.message;
        let data =
            STANDARD.decode_to_vec(data.as_bytes()).map_err(|_| garbled("data that are not Base64"))?;
        let mut message = CarrierMessage::new(data);
        message.headers =
            attributes.into_iter().map(|(name, value)| (name.into(), Bytes::from(value))).collect();
        Ok(ReceivedMessage {
            message,
            id: message_id.into(),
            ack_id: self.ack_id.into(),
            subscription: Arc::clone(subscription),
            ordering_key: ordering_key.filter(|key| !key.is_empty()),
            published: publish_time.and_then(|time| time_of(&time)),
            attempt: self.delivery_attempt.filter(|attempt| *attempt > 0),
        })
    }
}

fn time_of(text: &str) -> Option<SystemTime> {
    Timestamp::parse(text).ok()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use cloudevents_transport::Origin;
    use proptest::prelude::*;

    /// The names of the members are those of Google's documentation of `projects.topics.publish`.
    #[test]
    fn a_request_has_messages() {
        let message = CarrierMessage::new("{\"a\":1}")
            .with_header("ce-id", "1")
            .with_header("name", "Gr\u{f6}\u{df}e \"1\"");
        let keyed = Written::new(&message, Some("k".into())).unwrap();
        let empty = Written::new(&CarrierMessage::new("").with_header("ce-id", "2"), None).unwrap();
        let wanted = concat!(
            r#"{"messages":[{"data":"eyJhIjoxfQ==","attributes":{"ce-id":"1","name":"Größe \"1\""},"orderingKey":"k"},"#,
            r#"{"attributes":{"ce-id":"2"}}]}"#
        );
        assert_eq!(String::from_utf8(publish(&[keyed.clone(), empty.clone()])).unwrap(), wanted);
        // A limit of bytes holds for the whole request.
        assert!(keyed.size() + empty.size() >= wanted.len());
        assert_eq!(publish(&[]).len(), FRAME);
    }

    #[test]
    fn requests_for_messages_and_settlements() {
        let text = |body: Result<Vec<u8>, Error>| String::from_utf8(body.unwrap()).unwrap();
        assert_eq!(text(pull(7, false)), r#"{"maxMessages":7}"#);
        assert_eq!(text(pull(1, true)), r#"{"maxMessages":1,"returnImmediately":true}"#);
        let ids = ["a".into(), "b\"".into()];
        assert_eq!(text(settle(&ids, None)), r#"{"ackIds":["a","b\""]}"#);
        assert_eq!(text(settle(&ids[..1], Some(600))), r#"{"ackIds":["a"],"ackDeadlineSeconds":600}"#);
    }

    #[test]
    fn an_answer_has_messages() {
        let body = r#"{"receivedMessages":[
            {"ackId":"projects/p/subscriptions/s:1","deliveryAttempt":2,"message":{"data":"eHh4","attributes":{"ce-id":"1","a":"\u0041"},
             "messageId":"m1","publishTime":"2026-01-01T00:00:00.250Z","orderingKey":"k"}},
            {"ackId":"2","message":{"attributes":{},"messageId":"m2","publishTime":"no time"}},
            {"ackId":"3"}]}"#;
        let found = received(body.as_bytes(), &"s".into()).unwrap();
        let first = &found[0];
        assert_eq!((&*first.id, first.ordering_key.as_deref(), first.attempt), ("m1", Some("k"), Some(2)));
        assert_eq!((&first.message.body[..], first.message.header("a")), (&b"xxx"[..], Some(&b"A"[..])));
        let published = first.timestamp().unwrap().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        assert_eq!(published.as_millis(), 1_767_225_600_250);
        assert_eq!((found[1].attempt, found[1].timestamp(), &*found[2].ack_id), (None, None, "3"));
        for empty in ["{}", r#"{"receivedMessages":[]}"#] {
            assert!(received(empty.as_bytes(), &"s".into()).unwrap().is_empty());
        }
    }

    proptest! {
        /// Bytes of a peer are messages or an error.
        #[test]
        fn any_answer(body in prop_oneof![
            any::<Vec<u8>>(),
            r#"\{"receivedMessages":\[\{"ackId":"?.{0,6}"?,"message":\{"(data|attributes|publishTime)":"?.{0,8}"?\}\}\]\}"#
                .prop_map(String::into_bytes),
        ]) {
            let _ = (received(&body, &"s".into()), stored(&body));
        }
    }

    /// A body that is no answer is an error, which does not show the body.
    #[test]
    fn bad_answers() {
        for body in [
            "",
            "[]x",
            "\"s3cret\"",
            r#"{"receivedMessages":"s3cret"}"#,
            r#"{"receivedMessages":[{"message":{}}]}"#,
            r#"{"receivedMessages":[{"ackId":"1","message":{"data":"s3cret!"}}]}"#,
            r#"{"receivedMessages":[{"ackId":"1","deliveryAttempt":-1}]}"#,
        ] {
            let error = received(body.as_bytes(), &"s".into()).unwrap_err();
            assert_eq!(error.kind(), cloudevents_core::ErrorKind::Disconnected, "{body}");
            assert!(!format!("{error:?}").contains("s3cret"), "{error:?}");
        }
        assert_eq!(stored(br#"{"messageIds":["1","2"]}"#).unwrap(), 2);
        assert_eq!(stored(b"{}").unwrap(), 0);
        assert!(stored(b"<html>").is_err());
    }
}
