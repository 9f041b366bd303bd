//! The mode and format in which a sender writes events.

use crate::{Endpoint, LossPolicy};
use cloudevents_core::{Error, Format, FormatId, Formats, Message, codec::binary_mode_meaning_losses};
use std::{borrow::Cow, slice, sync::Arc};

/// The mode in which a sender writes events, and the format of structured mode. For bindings.
///
/// ```
/// use cloudevents_core::{Event, Formats, Message};
/// use cloudevents_json::Json;
/// use cloudevents_transport::{Endpoint, LossPolicy, binding::Writing};
///
/// let formats = Formats::none().with(Json::new());
/// let endpoint = Endpoint::parse("amqp://localhost/orders?mode=structured&format=json")?;
/// let writing = Writing::new(&endpoint, None, formats.clone(), LossPolicy::Refuse)?;
/// let event = Message::from(Event::builder().id("1").source("/s").ty("t").build()?);
/// assert!(matches!(&*writing.message(&event)?, Message::Structured(_)));
///
/// // The default is binary mode.
/// let writing = Writing::new(&Endpoint::parse("amqp://localhost/orders")?, None, formats, LossPolicy::Refuse)?;
/// assert!(matches!(&*writing.message(&event)?, Message::Binary(_)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Writing(In, LossPolicy);

#[derive(Clone, Debug)]
enum In {
    Binary,
    Given(Arc<dyn Format>),
    /// The format with this id, one of these.
    Named(FormatId, Formats),
}

impl Writing {
    /// Creates it from a URL.
    ///
    /// The options `mode` (`binary`, `structured`) and `format` (the id of one of these formats; by default `json`) of the URL take
    /// precedence. Without them, the given format is used, or else binary mode. The policy decides about values that a format cannot hold.
    ///
    /// Errors are of kind [`InvalidUrl`](cloudevents_core::ErrorKind::InvalidUrl): an unknown mode, a format that is not among these, or
    /// a format for binary mode.
    pub fn new(
        endpoint: &Endpoint,
        given: Option<Arc<dyn Format>>,
        formats: Formats,
        losses: LossPolicy,
    ) -> Result<Self, Error> {
        let named = endpoint.option("format");
        match (endpoint.option("mode"), named) {
            (Some("structured"), _) => {
                let is_named =
                    |id: &FormatId| named.map_or(*id == FormatId::JSON, |name| id.as_str() == name);
                let id = formats
                    .iter()
                    .map(Format::id)
                    .find(is_named)
                    .ok_or_else(|| endpoint.invalid("the option `format` names no known format"))?;
                Ok(Self(In::Named(id, formats), losses))
            }
            (None | Some("binary"), Some(_)) => {
                Err(endpoint.invalid("the option `format` goes with `mode=structured`"))
            }
            (Some("binary"), None) => Ok(Self(In::Binary, losses)),
            (None, None) => Ok(Self(given.map_or(In::Binary, In::Given), losses)),
            (Some(_), _) => Err(endpoint.invalid("the option `mode` is neither `binary` nor `structured`")),
        }
    }

    /// Creates it with the given format, or with binary mode.
    ///
    /// For protocols whose URLs have no options of this toolkit.
    pub fn given(format: Option<Arc<dyn Format>>, losses: LossPolicy) -> Self {
        Self(format.map_or(In::Binary, In::Given), losses)
    }

    /// The format of events; `None` for binary mode.
    pub fn format(&self) -> Option<&dyn Format> {
        match &self.0 {
            In::Binary => None,
            In::Given(format) => Some(&**format),
            In::Named(id, formats) => formats.get(id), // `new` has found it there.
        }
    }

    /// Returns the message to send: an event in this mode, a document unchanged.
    ///
    /// Errors are those of the format, and of [`LossPolicy::check`].
    pub fn message<'a>(&self, message: &'a Message) -> Result<Cow<'a, Message>, Error> {
        match (message, self.format()) {
            (Message::Binary(event), Some(format)) => {
                let (message, losses) = Message::structured(event, format)?;
                let _ = self.1.check(losses, slice::from_ref(event))?;
                Ok(Cow::Owned(message))
            }
            (Message::Binary(event), None) => {
                let _ = self.1.check(binary_mode_meaning_losses(event), slice::from_ref(event))?;
                Ok(Cow::Borrowed(message))
            }
            _ => Ok(Cow::Borrowed(message)),
        }
    }
}
