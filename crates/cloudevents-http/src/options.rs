//! How messages are written: the mode, and whether text is escaped.

use cloudevents_core::{Format, Mode, Peer};
use cloudevents_json::Json;

/// How an event is written. A [`Mode`] converts into one.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Encoding<'a> {
    /// The content mode.
    pub mode: Mode<'a>,
    /// Whether text in headers of binary mode is written as it is, without escapes. Default: no.
    ///
    /// **Outside the specification**, which has percent signs, quotation marks and spaces escaped (HTTP-3.1.3.2-c): for peers that never
    /// undo escapes. An event with other text than printable ASCII is sent in structured mode in JSON instead. So is an event with white
    /// space at either end of a text. The reason is that it [would not arrive](cloudevents_core::codec::header::arrives_raw).
    pub raw: bool,
}

impl<'a> Encoding<'a> {
    /// In this mode, by the specification.
    pub fn new(mode: Mode<'a>) -> Self {
        Self { mode, raw: false }
    }

    /// In binary mode.
    pub fn binary() -> Self {
        Self::new(Mode::Binary)
    }

    /// In structured mode.
    pub fn structured(format: &'a dyn Format) -> Self {
        Self::new(Mode::Structured(format))
    }

    /// Returns a copy that the peer reads.
    ///
    /// It has [`raw`](Self::raw) for peers that [take raw text](Peer::takes_raw_text), and structured mode in JSON for peers that
    /// [take documents only](Peer::takes_documents_only).
    ///
    /// ```
    /// use cloudevents_core::{Event, Peer};
    /// use cloudevents_http::Encoding;
    ///
    /// let event = Event::builder().id("1").source("/s").ty("t").subject("100 %").build()?;
    /// let mut headers = http::HeaderMap::new();
    /// cloudevents_http::encode(&event, Encoding::binary().for_peer(Peer::Go2), &mut headers)?;
    /// assert_eq!(headers["ce-subject"], "100 %");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn for_peer(mut self, peer: Peer) -> Self {
        self.raw |= peer.takes_raw_text();
        if peer.takes_documents_only() {
            self.mode = Mode::Structured(&JSON);
        }
        self
    }
}

const JSON: Json = Json::new();

impl<'a> From<Mode<'a>> for Encoding<'a> {
    fn from(mode: Mode<'a>) -> Self {
        Self::new(mode)
    }
}
