//! Prints messages: their events, envelopes, or the text of a template.

use super::{envelope, template::Template};
use crate::{emit::Emit, failure::Failure, global::Output, show, yaml};
use cloudevents_kit::{Error, Event, json, model::ToTimestamp, transport::Received};
use std::time::SystemTime;

/// A message that has arrived.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arrived<'a> {
    pub(super) received: &'a Received,
    /// Where it came from, in words.
    pub(super) place: &'a str,
    /// `None` where nothing counts them.
    pub(super) attempt: Option<u32>,
    pub(super) at: SystemTime,
}

/// The content of a message.
#[derive(Clone, Copy, Debug)]
pub(super) enum Content<'a> {
    /// An event; of a batch, also which one it is.
    Event(&'a Event, Option<usize>),
    /// A message that is no event, or cannot be read.
    Unreadable(&'a Error),
}

/// How messages are printed.
#[derive(Clone, Copy, Debug)]
pub(super) enum Form<'a> {
    Events,
    Envelopes,
    Template(&'a Template),
}

/// Writes messages to standard output.
#[derive(Debug)]
pub(super) struct Printing<'a> {
    form: Form<'a>,
    emit: Emit,
}

impl<'a> Printing<'a> {
    pub(super) fn new(form: Form<'a>, emit: Emit) -> Self {
        Self { form, emit }
    }

    /// Whether messages are printed as they arrived, even if they are no events.
    pub(super) fn is_whole(&self) -> bool {
        !matches!(self.form, Form::Events)
    }

    /// Prints one event of a message.
    pub(super) fn event(
        &mut self,
        arrived: &Arrived<'_>,
        event: &Event,
        index: Option<usize>,
    ) -> Result<(), Failure> {
        let event = show::readable(event);
        if let Form::Events = self.form {
            return self.emit.event(&event);
        }
        let event = match self.emit.output() {
            Output::Yaml => yaml::writable(&event),
            _ => event,
        };
        self.content(arrived, Content::Event(&event, index))
    }

    /// Prints a message as it arrived, unless only events are printed.
    pub(super) fn content(&mut self, arrived: &Arrived<'_>, content: Content<'_>) -> Result<(), Failure> {
        match self.form {
            Form::Events => Ok(()),
            Form::Envelopes => {
                let json = envelope::json(arrived, content);
                self.emit.object(&json, |paint| envelope::words(arrived, content, paint))
            }
            Form::Template(template) => {
                let text = template.fill(arrived, content, self.emit.is_shown());
                self.emit.raw(&text)
            }
        }
    }

    pub(super) fn flush(&mut self) -> Result<(), Failure> {
        self.emit.flush()
    }
}

/// The event in JSON, on one line. Only line breaks between the tokens of its payload change.
pub(super) fn line(event: &Event) -> Vec<u8> {
    let mut writer = json::LineWriter::new(Vec::new());
    // A vector takes everything.
    let _ = writer.write(event);
    let mut line = writer.into_inner();
    line.pop_if(|byte| *byte == b'\n');
    line
}

/// The time in UTC, RFC 3339; none beyond the year 9999.
pub(super) fn time(at: SystemTime) -> Option<String> {
    at.with_timestamp(|time| time.ok().flatten().map(|time| time.as_str().to_owned()))
}

#[cfg(test)]
pub(super) mod samples {
    use cloudevents_kit::{
        Event, Message,
        model::Decoded,
        transport::{Partition, Raw, Received},
    };
    use std::time::{Duration, SystemTime};

    /// 2026-05-17T12:00:00.25Z.
    pub(crate) fn at() -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_millis(1_779_019_200_250)
    }

    pub(crate) const EVENT: &str = r#"{"specversion":"1.0","id":"1","source":"/s","type":"com.example.t","datacontenttype":"application/json","subject":"x","priority":3,"data":{"total":1.10}}"#;

    pub(crate) fn event() -> Event {
        cloudevents_kit::json::decode(EVENT).unwrap()
    }

    /// As Kafka delivers it.
    pub(crate) fn origin() -> Raw {
        let mut raw = Raw::default();
        raw.topic = Some("orders".into());
        raw.partition = Some(Partition::new("orders", 3));
        raw.offset = Some(12);
        raw.key = Some("k-42".into());
        raw.headers = vec![
            ("ce_id".into(), Some("1".into())),
            ("trace".into(), None),
            ("raw".into(), Some((&b"\xff\x00"[..]).into())),
            ("Authorization".into(), Some("Bearer s3cret".into())),
        ];
        raw.body = Some(r#"{"total":1.10}"#.into());
        raw.timestamp = Some(at());
        raw
    }

    pub(crate) fn received(raw: Raw) -> Received {
        Received::new(Ok(Decoded::clean(Message::from(event()))), raw)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As `cat` of two lines shows them: each line of the output is one event.
    #[test]
    fn an_event_is_a_line() {
        let text = "{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"/s\",\"type\":\"t\",\"data\":{\n  \"a\": \"x\\n  y\",\r\n\t\"b\": 1.10\n}}";
        let event = json::decode(text).unwrap();
        let line = String::from_utf8(line(&event)).unwrap();
        assert!(!line.contains(['\n', '\r']), "{line}");
        assert!(line.contains(r#""x\n  y""#) && line.contains("1.10"), "{line}");
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&line).unwrap(),
            serde_json::from_str::<serde_json::Value>(text).unwrap()
        );
    }
}
