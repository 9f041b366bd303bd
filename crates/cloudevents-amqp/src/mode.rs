//! Detects the content mode of a message.

use crate::{AmqpMessage, name, sections::Sections};
use cloudevents_core::codec::{Detected, detect};

/// Whether a message is marked as a CloudEvent: by a media type under `application/cloudevents`, or by an
/// application property whose name begins with `cloudEvents_` or `cloudEvents:`.
///
/// On a queue with mixed content, a message without a mark is not an error. A message with a mark may still
/// be malformed.
///
/// ```
/// use cloudevents_amqp::{AmqpMessage, is_cloudevent};
///
/// let mut message = AmqpMessage::default();
/// assert!(!is_cloudevent(&message));
/// message.properties.content_type = Some("application/cloudevents+json".into());
/// assert!(is_cloudevent(&message));
/// ```
pub fn is_cloudevent(message: &AmqpMessage) -> bool {
    !matches!(detect(message.content_type()), Ok(Detected::NotADocument))
        || message.application_properties.iter().any(|(name, _)| name::attribute(name.as_str()).is_some())
}
