//! How a sender writes events: what the URL says, or else the program.

use crate::Endpoint;
use cloudevents_core::{Error, Format, FormatId, Formats, Message};
use std::{borrow::Cow, sync::Arc};

/// The mode, and the format of structured mode, that a sender writes events in: for bindings.
///
/// ```
/// use cloudevents_core::{Event, Formats, Message};
/// use cloudevents_json::Json;
/// use cloudevents_transport::{Endpoint, Writing};
///
/// let formats = Formats::none().with(Json::new());
/// let endpoint = Endpoint::parse("amqp://localhost/orders?mode=structured&format=json")?;
/// let writing = Writing::new(&endpoint, None, formats.clone())?;
/// let event = Message::from(Event::builder().id("1").source("/s").ty("t").build()?);
/// assert!(matches!(&*writing.message(&event)?, Message::Structured { .. }));
///
/// // Without a word in the URL or from the program, it is binary mode.
/// let writing = Writing::new(&Endpoint::parse("amqp://localhost/orders")?, None, formats)?;
/// assert!(matches!(&*writing.message(&event)?, Message::Binary(_)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Writing(In);

#[derive(Clone, Debug)]
enum In {
    Binary,
    Given(Arc<dyn Format>),
    /// One of these.
    Named(FormatId, Formats),
}

impl Writing {
    /// What the options `mode` (`binary`, `structured`) and `format` (the id of one of these formats; by default `json`) of the URL
    /// say. A URL without them leaves it to the program: the format that it has given, or binary mode.
    ///
    /// Errors are of kind [`InvalidUrl`](cloudevents_core::ErrorKind::InvalidUrl): a mode that there is not, a format that is not among
    /// these, or one for binary mode.
    pub fn new(endpoint: &Endpoint, given: Option<Arc<dyn Format>>, formats: Formats) -> Result<Self, Error> {
        let named = endpoint.option("format");
        match (endpoint.option("mode"), named) {
            (Some("structured"), _) => {
                let is_named =
                    |id: &FormatId| named.map_or(*id == FormatId::JSON, |name| id.as_str() == name);
                let id =
                    formats.iter().map(Format::id).find(is_named).ok_or_else(|| {
                        endpoint.invalid("the option `format` names no format that is at hand")
                    })?;
                Ok(Self(In::Named(id, formats)))
            }
            (None | Some("binary"), Some(_)) => {
                Err(endpoint.invalid("the option `format` goes with `mode=structured`"))
            }
            (Some("binary"), None) => Ok(Self(In::Binary)),
            (None, None) => Ok(Self(given.map_or(In::Binary, In::Given))),
            (Some(_), _) => Err(endpoint.invalid("the option `mode` is neither `binary` nor `structured`")),
        }
    }

    /// The format of events; `None` for binary mode.
    pub fn format(&self) -> Option<&dyn Format> {
        match &self.0 {
            In::Binary => None,
            In::Given(format) => Some(&**format),
            In::Named(id, formats) => formats.get(id), // It was found there.
        }
    }

    /// A message as it is to be sent: an event in this mode, a document as it is.
    ///
    /// Errors are those of the format.
    pub fn message<'a>(&self, message: &'a Message) -> Result<Cow<'a, Message>, Error> {
        match (message, self.format()) {
            (Message::Binary(event), Some(format)) => Ok(Cow::Owned(Message::structured(event, format)?.0)),
            _ => Ok(Cow::Borrowed(message)),
        }
    }
}
