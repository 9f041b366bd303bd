//! How a URL, or else the program, wants events sent by requests.

use crate::{Bounds, Endpoint, SenderOptions, binding::Writing};
use cloudevents_core::{Error, ErrorKind, Format, Formats, Peer};
use std::{sync::Arc, time::Duration};

/// How long a peer may take to confirm a message, if nothing else is set.
const TIMEOUT: Duration = Duration::from_secs(60);

/// The format of a program; `None` if the protocol decides.
type ChosenFormat = Option<Arc<dyn Format>>;

/// How a URL, or else the program, wants events sent.
#[derive(Clone, Debug)]
pub struct Sending {
    /// The mode and the format.
    pub writing: Writing,
    /// The largest message, in bytes.
    pub max_message_size: usize,
    /// The bounds of messages under way.
    pub in_flight: Bounds,
    /// How long the peer may take to confirm a message.
    pub timeout: Duration,
}

impl Sending {
    /// Reads the options of a URL; those of the program apply where it sets nothing. `options` are those [with the
    /// URL](SenderOptions::with_url).
    ///
    /// The functions return the formats of the protocol, and the format in which events are written unless the URL says otherwise: of the
    /// format of the program, and the peer.
    ///
    /// Errors are of kind [`InvalidUrl`](ErrorKind::InvalidUrl).
    pub fn new(
        endpoint: &Endpoint,
        options: &SenderOptions,
        max_message_size: usize,
        formats: fn(Formats) -> Formats,
        format: fn(ChosenFormat, Option<Peer>) -> ChosenFormat,
    ) -> Result<Self, Error> {
        let formats = formats(options.decoding.formats.clone());
        let format = format(options.format.clone(), options.peer);
        Ok(Self {
            writing: Writing::new(endpoint, format, formats, options.losses)?,
            max_message_size: endpoint.number("max-message-size")?.unwrap_or(max_message_size),
            in_flight: options.in_flight.unwrap_or_default(),
            timeout: options.timeout.unwrap_or(TIMEOUT),
        })
    }

    /// For messages that are sent unchanged.
    pub fn unchanged(max_message_size: usize) -> Self {
        Self {
            writing: Writing::given(None, SenderOptions::default().losses),
            max_message_size,
            in_flight: Bounds::default(),
            timeout: TIMEOUT,
        }
    }

    /// Checks the size of a message, in bytes. `with` names, behind a space, what they count besides its payload. `help` is the remedy for
    /// a larger one.
    ///
    /// Errors are of kind [`TooLarge`](ErrorKind::TooLarge).
    pub fn check_size(&self, size: usize, with: &str, help: &'static str) -> Result<(), Error> {
        let most = self.max_message_size;
        if size <= most {
            return Ok(());
        }
        let detail = format!("it has {size} bytes{with}, and the limit is {most}");
        Err(Error::new(ErrorKind::TooLarge).with_detail(detail).with_help(help))
    }
}
