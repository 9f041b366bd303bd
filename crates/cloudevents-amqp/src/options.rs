//! Options for writing messages: mode, separator and types.

use cloudevents_core::{Format, Mode, Peer};
use cloudevents_json::Json;

/// How to encode an event as an AMQP message: the mode and the separator in property names. A [`Mode`]
/// alone suffices for the default separator.
///
/// ```
/// use cloudevents_amqp::{Encoding, Separator};
/// use cloudevents_core::{Event, Mode};
///
/// let event = Event::builder().id("1").source("/s").ty("t").build()?;
/// let (message, _) = cloudevents_amqp::encode(&event, Mode::Binary)?;
/// assert!(message.property("cloudEvents_id").is_some());
///
/// // For consumers that know no other spelling:
/// let (message, _) = cloudevents_amqp::encode(&event, Encoding::binary().with_separator(Separator::Colon))?;
/// assert!(message.property("cloudEvents:id").is_some());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Encoding<'a> {
    /// The content mode. Default: binary.
    pub mode: Mode<'a>,
    /// The separator between `cloudEvents` and the name of an attribute in binary mode. Default: `_`.
    pub separator: Separator,
    /// Which attributes are written as strings in binary mode, instead of AMQP's native types. Default: none.
    pub strings: Strings,
}

impl<'a> Encoding<'a> {
    /// Encodes in this mode, with `_`.
    pub fn new(mode: Mode<'a>) -> Self {
        Self { mode, ..Self::default() }
    }

    /// Encodes in binary mode, with `_`.
    pub fn binary() -> Self {
        Self::new(Mode::Binary)
    }

    /// Encodes in structured mode in this format.
    pub fn structured(format: &'a dyn Format) -> Self {
        Self::new(Mode::Structured(format))
    }

    /// Returns a copy with this separator.
    pub fn with_separator(mut self, separator: Separator) -> Self {
        self.separator = separator;
        self
    }

    /// Returns a copy that the peer reads. All of it is within the specification.
    ///
    /// It has strings for [`Go2`](Peer::Go2), [`Java4`](Peer::Java4), [`SmallRye4`](Peer::SmallRye4), [`Xrcg`](Peer::Xrcg) and
    /// [`Python2`](Peer::Python2), and the separator `:` for all of these but the last. It has [`Strings::Times`] for [`Jms`](Peer::Jms).
    /// It has structured mode in JSON for peers that [take documents only](Peer::takes_documents_only).
    ///
    /// ```
    /// use cloudevents_amqp::{AmqpValue, Encoding};
    /// use cloudevents_core::{Event, Peer};
    ///
    /// let event = Event::builder().id("1").source("/s").ty("t").extension("priority", 3).build()?;
    /// let (message, _) = cloudevents_amqp::encode(&event, Encoding::binary().for_peer(Peer::Java4))?;
    /// assert!(matches!(message.property("cloudEvents:priority"), Some(AmqpValue::String(text)) if text.as_str() == "3"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn for_peer(mut self, peer: Peer) -> Self {
        match peer {
            Peer::Go2 | Peer::Java4 | Peer::SmallRye4 | Peer::Xrcg => {
                (self.separator, self.strings) = (Separator::Colon, Strings::All)
            }
            Peer::Jms => self.strings = Strings::Times,
            Peer::Python2 => self.strings = Strings::All,
            _ => {}
        }
        if peer.takes_documents_only() {
            self.mode = Mode::Structured(&JSON);
        }
        self
    }
}

const JSON: Json = Json::new();

impl From<Separator> for Encoding<'_> {
    fn from(separator: Separator) -> Self {
        Self::default().with_separator(separator)
    }
}

impl<'a> From<Mode<'a>> for Encoding<'a> {
    fn from(mode: Mode<'a>) -> Self {
        Self::new(mode)
    }
}

/// The separator between `cloudEvents` and the attribute's name in the name of an application property
/// (AMQP binding, section 3.1.3.1). Decoding accepts both.
///
/// ```
/// assert_eq!(cloudevents_amqp::Separator::default().as_str(), "_");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Separator {
    /// `cloudEvents_id`: preferred. JMS clients can use only this separator in selectors.
    #[default]
    Underscore,
    /// `cloudEvents:id`: the only separator in release 1.0.2 and earlier.
    Colon,
}

impl Separator {
    /// Returns `_` or `:`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Underscore => "_",
            Self::Colon => ":",
        }
    }
}

/// Which attributes are written as strings in binary mode. The specification allows strings and AMQP's native types (AMQP-3.1.3.2-b, -g).
///
/// ```
/// use cloudevents_amqp::{AmqpValue, Encoding, Strings};
/// use cloudevents_core::Event;
///
/// let event = Event::builder().id("1").source("/s").ty("t").time("2018-04-05T17:31:00Z").extension("priority", 3).build()?;
/// let mut with = Encoding::binary();
/// with.strings = Strings::Times;
/// let (message, _) = cloudevents_amqp::encode(&event, with)?;
/// assert!(matches!(message.property("cloudEvents_time"), Some(AmqpValue::String(_))));
/// assert!(matches!(message.property("cloudEvents_priority"), Some(AmqpValue::Long(3))));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Strings {
    /// None. All types are native.
    #[default]
    None,
    /// Times and binary values. Booleans and integers are native, so that selectors compare them as such.
    ///
    /// For consumers with JMS, whose properties have no times and no bytes: `getStringProperty` refuses them.
    Times,
    /// All, for peers that misread native integers, timestamps or binary values.
    All,
}
