//! Subprotocols, each with its format and its kind of frame.

use cloudevents_core::FormatId;
use std::{fmt, str::FromStr};

/// A WebSocket subprotocol of the binding (section 1.5). Neither batches nor any other format have one.
///
/// ```
/// use cloudevents_websockets::Subprotocol;
///
/// assert_eq!("cloudevents.proto".parse(), Ok(Subprotocol::Protobuf));
/// assert!("cloudevents.json-batch".parse::<Subprotocol>().is_err());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Subprotocol {
    /// `cloudevents.json`: the JSON format in text frames.
    Json,
    /// `cloudevents.avro`: the Avro format in binary frames.
    Avro,
    /// `cloudevents.proto`: the Protobuf format in binary frames.
    Protobuf,
}

impl Subprotocol {
    /// Every subprotocol, in the order of the specification.
    pub const ALL: &'static [Self] = &[Self::Json, Self::Avro, Self::Protobuf];

    /// The name in `Sec-WebSocket-Protocol`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Json => "cloudevents.json",
            Self::Avro => "cloudevents.avro",
            Self::Protobuf => "cloudevents.proto",
        }
    }

    /// The format of its messages.
    pub const fn format(self) -> FormatId {
        match self {
            Self::Json => FormatId::JSON,
            Self::Avro => FormatId::new("avro"),
            Self::Protobuf => FormatId::new("protobuf"),
        }
    }

    /// Whether its messages are text frames.
    pub const fn is_text(self) -> bool {
        matches!(self, Self::Json)
    }
}

impl fmt::Display for Subprotocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The name is not a subprotocol of the binding. Names compare in this case (RFC 6455, section 4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UnknownSubprotocol;

impl fmt::Display for UnknownSubprotocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not one of `cloudevents.json`, `cloudevents.avro`, `cloudevents.proto`")
    }
}

impl std::error::Error for UnknownSubprotocol {}

impl FromStr for Subprotocol {
    type Err = UnknownSubprotocol;

    fn from_str(name: &str) -> Result<Self, UnknownSubprotocol> {
        Self::ALL.iter().copied().find(|known| known.name() == name).ok_or(UnknownSubprotocol)
    }
}
