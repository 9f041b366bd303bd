//! A carrier as data: the names, the values and the limits of its messages.

use cloudevents_core::ContentMode;

/// A kind of message: how it names attributes, which text and which body it carries, and its limits.
///
/// [`rows`](crate::rows) has the carriers of this crate. For another carrier, change a row that is near:
///
/// ```
/// use cloudevents_carriers::{Carrier, Limits, rows::PULSAR};
/// use cloudevents_core::{Event, Mode};
///
/// const MINE: Carrier = Carrier {
///     name: "mine",
///     prefix: "x-event-",
///     limits: Limits { headers: Some(16), ..Limits::NONE },
///     source: "the manual of my broker, chapter 3",
///     ..PULSAR
/// };
/// let event = Event::builder().id("1").source("/s").ty("t").build()?;
/// let encoded = MINE.encode(&event, Mode::Binary)?;
/// assert_eq!(encoded.message.header("x-event-id"), Some(&b"1"[..]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// A later release may add a field. With `..PULSAR`, a program compiles all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Carrier {
    /// The name: `google-pubsub`. It appears in errors.
    pub name: &'static str,
    /// The content modes that messages may have.
    pub modes: &'static [ContentMode],
    /// The beginning of the header of each attribute, in binary mode. Empty if the carrier has no binary mode.
    pub prefix: &'static str,
    /// Prefixes of other writers. They are read only with [`ForeignPrefix`](cloudevents_core::RepairKind::ForeignPrefix).
    pub also_prefix: &'static [&'static str],
    /// The place of the media type.
    pub content_type: ContentType,
    /// Whether the letter case of header names has no meaning. Names are written in the case of the row.
    pub any_case: bool,
    /// Beginnings of header names that the carrier keeps for itself.
    pub reserved: &'static [&'static str],
    /// The text of header names and values.
    pub text: Text,
    /// The body of a message.
    pub body: Body,
    /// The form of an empty body.
    pub empty: Empty,
    /// The largest message.
    pub limits: Limits,
    /// The document that the row follows: a binding, or the vendor's page. If there is no binding, the text begins with this fact.
    pub source: &'static str,
}

impl Carrier {
    /// Whether messages may have this content mode.
    ///
    /// ```
    /// use cloudevents_carriers::rows::STORAGE_QUEUE;
    /// use cloudevents_core::ContentMode;
    ///
    /// assert!(STORAGE_QUEUE.has(ContentMode::Structured) && !STORAGE_QUEUE.has(ContentMode::Binary));
    /// ```
    pub fn has(&self, mode: ContentMode) -> bool {
        self.modes.contains(&mode)
    }
}

/// The place of the media type of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ContentType {
    /// A header of this name. In binary mode, it is the attribute `datacontenttype`.
    Key(&'static str),
    /// A field of the message itself, with this name in the carrier: [`CarrierMessage::content_type`](crate::CarrierMessage::content_type).
    Native(&'static str),
    /// No place. A message is a JSON document, and its member `specversion` is the mark.
    Unmarked,
}

/// The text that header names and values may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Text {
    /// Any text in UTF-8. If the protocol has escapes, the client writes them.
    Utf8,
    /// The characters of XML 1.0 (section 2.2). The body has the same characters, if it is text.
    Xml10,
    /// Printable ASCII. Other text is percent-encoded, by the rules of the HTTP binding (section 3.1.3.2).
    Percent,
}

/// The body that a message may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Body {
    /// Any bytes.
    Bytes,
    /// Text in UTF-8, without these characters.
    Text {
        /// The characters that a body must not have.
        without: &'static [char],
    },
    /// Base64. A body that begins with `{` is read as it is: Base64 does not have this character.
    Base64,
}

/// The form of an empty body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Empty {
    /// An empty body, which means no payload.
    Allowed,
    /// None: the carrier refuses empty bodies, and empty values of headers.
    Refused,
    /// One byte of value zero. It is read as no payload.
    Nul,
}

/// The largest message. `None` is no limit that the document of the carrier states.
///
/// Sizes are in bytes. They are the sizes of names and values as they are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The number of headers.
    pub headers: Option<usize>,
    /// The bytes of the name of a header.
    pub name: Option<usize>,
    /// The bytes of the value of a header.
    pub value: Option<usize>,
    /// The bytes of all names and values together.
    pub all_headers: Option<usize>,
    /// The bytes of the body.
    pub body: Option<usize>,
    /// The bytes of all names, all values and the body together.
    pub message: Option<usize>,
}

impl Limits {
    /// No limits.
    pub const NONE: Self =
        Self { headers: None, name: None, value: None, all_headers: None, body: None, message: None };
}
