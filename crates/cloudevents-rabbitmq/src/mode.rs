//! Which content mode a message is in.

use crate::{
    name::{self, Spelling},
    value,
    wire::MessageView,
};
use cloudevents_core::{
    Error, ErrorKind,
    codec::{CoreName, Detected, detect},
};

/// Whether a message bears a mark of CloudEvents.
///
/// A mark is a `content-type` under `application/cloudevents`, or a header that begins with `ce-`, `cloudEvents_` or `cloudEvents:`. All
/// four of the headers `specversion`, `id`, `source` and `type` are a mark, too.
///
/// A message without a mark is not a CloudEvent, which is normal on a queue with other messages. A message with a mark may still be
/// malformed.
///
/// ```
/// use cloudevents_rabbitmq::{RabbitMessage, is_cloudevent};
///
/// assert!(is_cloudevent(&RabbitMessage::new("{}").with_content_type("application/cloudevents+json")));
/// assert!(is_cloudevent(&RabbitMessage::new("21.5").with_header("ce-id", "1")));
/// assert!(!is_cloudevent(&RabbitMessage::new("21.5").with_header("id", "1")));
/// ```
pub fn is_cloudevent(message: &impl MessageView) -> bool {
    !matches!(detect(message.content_type()), Ok(Detected::NotADocument)) || Look::at(message).is_ok()
}

/// The findings of the first look at the headers of a message in binary mode.
pub(crate) struct Look {
    /// How its headers name attributes.
    pub(crate) spelling: Spelling,
    /// A name in another spelling.
    pub(crate) mixed: bool,
    /// Bytes of text that the attributes take, names of extensions included.
    pub(crate) length: usize,
}

impl Look {
    /// The error is of kind [`NotACloudEvent`](ErrorKind::NotACloudEvent): there are no attributes.
    #[inline]
    pub(crate) fn at(message: &impl MessageView) -> Result<Self, Error> {
        let mut prefix: Option<Spelling> = None;
        let mut look = Self {
            spelling: Spelling::Bare,
            mixed: false,
            length: message.content_type().map_or(0, str::len),
        };
        let mut required = [false; 4];
        for (header, value) in message.headers() {
            let name = match name::prefixed(header) {
                Some((name, spelling)) => {
                    look.mixed |= *prefix.get_or_insert(spelling) != spelling;
                    name
                }
                None => match header {
                    "specversion" => mark(&mut required[0], header),
                    "id" => mark(&mut required[1], header),
                    "source" => mark(&mut required[2], header),
                    "type" => mark(&mut required[3], header),
                    other => other,
                },
            };
            let kept = if CoreName::of(name.as_bytes()).is_some() { 0 } else { name.len() };
            look.length = look.length.saturating_add(kept).saturating_add(value::length(value));
        }
        match prefix {
            Some(spelling) => look.spelling = spelling,
            None if required == [true; 4] => {}
            None => return Err(not_a_cloudevent()),
        }
        Ok(look)
    }
}

fn mark<'n>(seen: &mut bool, name: &'n str) -> &'n str {
    *seen = true;
    name
}

#[cold]
fn not_a_cloudevent() -> Error {
    Error::new(ErrorKind::NotACloudEvent)
        .with_detail("there is neither a `ce-` header nor a content-type under application/cloudevents")
}
