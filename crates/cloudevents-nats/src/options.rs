//! How messages are written: the mode, whether with headers, and whether text is escaped.

use cloudevents_core::{Format, Mode, Peer};
use cloudevents_json::Json;

/// How an event is written. A [`Mode`] converts into one.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Encoding<'a> {
    /// The content mode.
    pub mode: Mode<'a>,
    /// Whether a structured message goes without headers, for servers before NATS 2.2.
    pub without_headers: bool,
    /// Whether text in headers of binary mode is written as it is, without escapes. Default: no.
    ///
    /// **Outside the specification**, which has percent signs, quotation marks and spaces escaped (NATS-3.1.3.2-c): for peers that never
    /// undo escapes. An event with other text than printable ASCII is sent in structured mode in JSON instead. So is an event with white
    /// space at either end of a text. The reason is that it [would not arrive](cloudevents_core::codec::header::arrives_raw).
    pub raw: bool,
}

impl<'a> Encoding<'a> {
    /// In this mode, with headers.
    pub fn new(mode: Mode<'a>) -> Self {
        Self { mode, ..Self::default() }
    }

    /// In binary mode.
    pub fn binary() -> Self {
        Self::new(Mode::Binary)
    }

    /// In structured mode. The binding has JSON only: any other format is an error when an event is written.
    pub fn structured(json: &'a dyn Format) -> Self {
        Self::new(Mode::Structured(json))
    }

    /// In structured mode without headers, for servers before NATS 2.2.
    pub fn without_headers(json: &'a dyn Format) -> Self {
        Self { without_headers: true, ..Self::structured(json) }
    }

    /// Returns a copy that the peer reads.
    ///
    /// It has [`raw`](Self::raw) for peers that [take raw text](Peer::takes_raw_text), and structured mode in JSON for peers that [take
    /// documents only](Peer::takes_documents_only) and for [`Go2`](Peer::Go2). The transport of `Go2` over NATS without JetStream reads no
    /// other mode.
    ///
    /// ```
    /// use cloudevents_core::{Event, Peer};
    /// use cloudevents_nats::Encoding;
    ///
    /// let event = Event::builder().id("1").source("/s").ty("t").build()?;
    /// let (message, _) = cloudevents_nats::encode(&event, Encoding::binary().for_peer(Peer::Go2))?;
    /// assert_eq!(message.header("Content-Type"), Some(&b"application/cloudevents+json"[..]));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn for_peer(mut self, peer: Peer) -> Self {
        self.raw |= peer.takes_raw_text();
        if reads_structured_only(peer) {
            self.mode = Mode::Structured(&JSON);
        }
        self
    }
}

const JSON: Json = Json::new();

/// Whether the peer reads no binary mode over NATS.
pub(crate) fn reads_structured_only(peer: Peer) -> bool {
    peer == Peer::Go2 || peer.takes_documents_only()
}

impl<'a> From<Mode<'a>> for Encoding<'a> {
    fn from(mode: Mode<'a>) -> Self {
        Self::new(mode)
    }
}
