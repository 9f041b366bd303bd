//! Which content mode a message is in.

use crate::{AmqpMessage, name, sections::Sections};
use cloudevents_core::{Detected, detect};

/// Whether a message bears a mark of CloudEvents: a media type under `application/cloudevents`, or an application property whose name
/// begins with `cloudEvents_` or `cloudEvents:`.
///
/// A message without one is somebody else's, which on a mixed queue is no mistake; one that has a mark may still be malformed.
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
