//! Messages as the client has them, besides the parts that the codec writes.

use super::{
    failure,
    received::{ReceivedMessage, is_foreign},
};
use crate::{
    PgmqMessage,
    wire::{CONTENT_TYPE, GROUP},
};
use cloudevents_core::{Error, ErrorKind};
use cloudevents_transport::{Outgoing, Received, binding::header_not_carried};
use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, SystemTime},
};
use tokio_postgres::{Row, types::FromSql};

/// Why a message does not carry a header.
fn lost(name: &str, value: &[u8]) -> Option<&'static str> {
    if !is_foreign(name) {
        Some("in a message of pgmq it says what the message is, or is the key")
    } else if name.contains('\0') || value.contains(&0) || std::str::from_utf8(value).is_err() {
        Some("headers of pgmq are text without U+0000")
    } else {
        None
    }
}

/// The headers that a message does not carry. An object has each name once.
pub(super) fn lost_headers(outgoing: &Outgoing) -> Vec<(usize, &'static str)> {
    let mut seen: Vec<&str> = Vec::new();
    outgoing.lost_headers(|name, value| {
        let reason = lost(name, value)
            .or_else(|| seen.contains(&name).then_some("pgmq has a header of this name once"));
        seen.push(name);
        reason
    })
}

/// Adds the headers and the key.
pub(super) fn add_extras(message: &mut PgmqMessage, outgoing: &Outgoing) -> Result<(), Error> {
    for (name, value) in outgoing.headers() {
        if let Some(reason) = lost(name, value) {
            return Err(header_not_carried(name, reason));
        }
        set(message, name, String::from_utf8_lossy(value).into_owned());
    }
    if let Some(key) = outgoing.record_key() {
        let Ok(group) = String::from_utf8(key.to_vec()) else {
            return Err(Error::new(ErrorKind::Unsupported)
                .with_detail("the key is not text, which a group of pgmq is")
                .with_help("leave it out, or write it as text"));
        };
        set(message, GROUP, group);
    }
    Ok(())
}

/// A header that is there once.
fn set(message: &mut PgmqMessage, name: &str, value: String) {
    message.headers.retain(|(known, _)| known != name);
    message.headers.push((name.to_owned(), value));
}

/// A message as it was received.
pub(super) fn as_received(received: &Received) -> Result<PgmqMessage, Error> {
    if let Some(native) = received.native::<ReceivedMessage>() {
        return Ok(native.message.clone());
    }
    let mut message = PgmqMessage::new(received.whole_body()?.unwrap_or_default());
    for (name, value) in received.headers() {
        let value = value.unwrap_or_default();
        // Names of other protocols may have another letter case.
        let name = if name.eq_ignore_ascii_case(CONTENT_TYPE) { CONTENT_TYPE } else { name };
        match std::str::from_utf8(&value) {
            Ok(text) => set(&mut message, name, text.to_owned()),
            Err(_) => return Err(header_not_carried(name, "headers of pgmq are text without U+0000")),
        }
    }
    Ok(message)
}

/// The headers as a JSON object.
pub(super) fn headers(message: &PgmqMessage) -> Result<String, Error> {
    let object: BTreeMap<_, _> = message.headers.iter().map(|(name, value)| (name, value)).collect();
    serde_json::to_string(&object)
        .map_err(|error| Error::new(ErrorKind::Unsupported).with_detail(error.to_string()))
}

/// The statement that reads messages: id, reads, microseconds since 1970, message, names and values of headers.
pub(super) fn read(function: &str) -> String {
    format!(
        "SELECT m.msg_id, m.read_ct, (extract(epoch FROM m.enqueued_at) * 1000000)::int8, m.message::text, h.names, h.texts \
         FROM pgmq.{function}($1, $2, $3) AS m LEFT JOIN LATERAL (SELECT array_agg(key) AS names, array_agg(value) AS texts \
         FROM jsonb_each_text(CASE jsonb_typeof(m.headers) WHEN 'object' THEN m.headers ELSE '{{}}'::jsonb END)) AS h ON true \
         ORDER BY m.msg_id"
    )
}

/// A row of such a statement. A message that is null has no text.
pub(super) fn received(row: &Row, queue: &Arc<str>) -> Result<ReceivedMessage, Error> {
    let (names, texts): (Option<Vec<String>>, Option<Vec<Option<String>>>) =
        (column(row, 4)?, column(row, 5)?);
    let texts = texts.unwrap_or_default().into_iter().map(|text| text.unwrap_or_else(|| "null".into()));
    let mut message = PgmqMessage::new(column::<Option<String>>(row, 3)?.unwrap_or_default());
    message.headers = names.unwrap_or_default().into_iter().zip(texts).collect();
    let enqueued = u64::try_from(enqueued(row)?).ok();
    Ok(ReceivedMessage {
        message,
        id: column(row, 0)?,
        queue: Arc::clone(queue),
        enqueued: enqueued.and_then(|time| SystemTime::UNIX_EPOCH.checked_add(Duration::from_micros(time))),
        reads: column(row, 1)?,
    })
}

/// When the message was enqueued, in microseconds since 1970, which may be negative: as exactly as Postgres has it.
pub(super) fn enqueued(row: &Row) -> Result<i64, Error> {
    column(row, 2)
}

fn column<'a, T: FromSql<'a>>(row: &'a Row, index: usize) -> Result<T, Error> {
    row.try_get(index).map_err(|error| failure::garbled(format!("column {index}: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use cloudevents_core::Event;
    use cloudevents_transport::Raw;

    fn outgoing() -> Outgoing {
        Outgoing::from(Event::builder().id("1").source("/s").ty("t").build().unwrap())
    }

    #[test]
    fn headers_are_text_and_there_once() {
        let sent = outgoing().header("a", "x").header("a", "y").header("b", b"\xff").header(GROUP, "g");
        let lost: Vec<_> = lost_headers(&sent).into_iter().map(|(index, _)| index).collect();
        assert_eq!(lost, [1, 2, 3]);
        let mut message = PgmqMessage::new("{}").with_header(GROUP, "old");
        add_extras(&mut message, &outgoing().header("a", "\"\u{e9}").key("new")).unwrap();
        assert_eq!(headers(&message).unwrap(), "{\"a\":\"\\\"\u{e9}\",\"x-pgmq-group\":\"new\"}");
        let error = add_extras(&mut message, &outgoing().key(b"\xff")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
    }

    #[test]
    fn what_came_over_another_protocol() {
        let mut raw = Raw::default();
        raw.headers = vec![("Content-Type".into(), Some("a/b".into())), ("x".into(), None)];
        raw.body = Some("{}".into());
        let received = |raw: &Raw| Received::new(Err(Error::new(ErrorKind::NotACloudEvent)), raw.clone());
        let wanted = PgmqMessage::new("{}").with_header("content-type", "a/b").with_header("x", "");
        assert_eq!(as_received(&received(&raw)).unwrap(), wanted);
        raw.headers = vec![("x".into(), Some(vec![0xff].into()))];
        assert_eq!(as_received(&received(&raw)).unwrap_err().kind(), ErrorKind::Inexact);
    }
}
