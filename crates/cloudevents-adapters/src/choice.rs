//! The adapters that a program chooses from.

use crate::{Adapter, Headers, adapter::first, known, place};
use bytes::Bytes;
use cloudevents_core::{DecodeOptions, Decoded, Error, Event, Message};
use cloudevents_json::Json;

/// The adapters that a program chooses from: adapters of its own, and behind them the [known adapters](crate::adapters).
///
/// ```
/// use cloudevents_adapters::{Adapter, Adapters};
///
/// let own = Adapter::parse_all(r#"{"name": "shop", "what": "an order of our shop", "reference": "the wiki", "mappings": [{
///     "where": {"order": "*"}, "id": "{order}", "source": "/shop", "type": "com.example.order"}]}"#)?;
/// let adapters = Adapters::known().with(own);
/// assert_eq!(adapters.recognize(br#"{"order": 7}"#).unwrap().name(), "shop");
/// assert_eq!(adapters.find("aws-s3").unwrap().what(), "an event notification of Amazon S3");
/// assert!(adapters.only("shop").unwrap().find("aws-s3").is_none());
/// # Ok::<(), cloudevents_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Adapters {
    own: Vec<Adapter>,
    known: bool,
}

impl Adapters {
    /// The known adapters.
    pub fn known() -> Self {
        Self { own: Vec::new(), known: true }
    }

    /// Returns the adapters with more adapters of the program's own. These come behind its earlier ones.
    pub fn with(mut self, own: impl IntoIterator<Item = Adapter>) -> Self {
        self.own.extend(own);
        self
    }

    /// The adapter of this name alone. `None` if there is none.
    pub fn only(&self, name: &str) -> Option<Self> {
        Some(Self { own: vec![self.find(name)?.clone()], known: false })
    }

    /// The names. The names of the program's own adapters come first.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.own.iter().chain(self.others()).map(Adapter::name)
    }

    /// The adapter of this name.
    pub fn find(&self, name: &str) -> Option<&Adapter> {
        self.own.iter().chain(self.others()).find(|adapter| adapter.name() == name)
    }

    /// The first adapter that fits the document. `None` for an event, and for a document that none fits.
    pub fn recognize(&self, document: &[u8]) -> Option<&Adapter> {
        if !self.own.is_empty() {
            let first = first(std::str::from_utf8(document).ok()?)?;
            if place::is_event(first) {
                return None;
            }
            let own = self.own.iter().find(|adapter| adapter.mapping(first).is_some());
            if own.is_some() {
                return own;
            }
        }
        self.known.then(|| known::recognize(document)).flatten()
    }

    /// Makes a message of the events of a document: one event in binary mode, or a batch of all.
    ///
    /// `headers` are the headers of the request that it came with, if there is one. `None` for an event, and for a document that no adapter
    /// fits.
    ///
    /// An error is of all events: it is the first error of [`Adapter::events`], with the index of its event if there are several.
    pub fn message_of(
        &self,
        headers: Headers<'_>,
        document: &Bytes,
        with: &DecodeOptions,
    ) -> Option<Result<Decoded<Message>, Error>> {
        let adapter = self.recognize(document)?;
        Some(joined(adapter.events(headers, document, with)))
    }

    fn others(&self) -> &'static [Adapter] {
        if self.known { known::adapters() } else { &[] }
    }
}

/// The known adapters.
impl Default for Adapters {
    fn default() -> Self {
        Self::known()
    }
}

/// One event in binary mode, or a batch of all.
pub(crate) fn joined(events: Vec<Result<Decoded<Event>, Error>>) -> Result<Decoded<Message>, Error> {
    let is_one = events.len() == 1;
    let mut all = Vec::with_capacity(events.len());
    let mut repairs = Vec::new();
    for (index, event) in events.into_iter().enumerate() {
        let decoded = event.map_err(|error| if is_one { error } else { error.with_index(index) })?;
        repairs.extend(decoded.repairs);
        all.push(decoded.value);
    }
    let message = match <[Event; 1]>::try_from(all) {
        Ok([event]) => Message::Binary(event),
        // Events of adapters have no more than JSON has.
        Err(all) => Message::batched(&all, &Json::new())?.0,
    };
    Ok(Decoded::new(message, repairs))
}
