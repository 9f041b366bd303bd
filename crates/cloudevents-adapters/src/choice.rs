//! The adapters that a program chooses from.

use crate::{
    Adapter, Headers,
    adapter::{Care, first},
    known,
    nested::DEPTH,
    place,
};
use bytes::Bytes;
use cloudevents_core::{DecodeOptions, Decoded, Error, ErrorKind, Event, FormatId, Message};
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
    pub(crate) known: bool,
    pub(crate) exact: bool,
}

impl Adapters {
    /// The known adapters.
    pub fn known() -> Self {
        Self { own: Vec::new(), known: true, exact: false }
    }

    /// Returns the adapters with more adapters of the program's own. These come behind its earlier ones.
    pub fn with(mut self, own: impl IntoIterator<Item = Adapter>) -> Self {
        self.own.extend(own);
        self
    }

    /// Returns the adapters, which refuse a document from now on if it has parts beside its event that the event cannot carry.
    ///
    /// The error is of kind [`Inexact`](cloudevents_core::ErrorKind::Inexact), and names the parts. Otherwise a warning names them.
    ///
    /// ```
    /// use cloudevents_adapters::Adapters;
    /// use cloudevents_core::{DecodeOptions, ErrorKind};
    ///
    /// let push = r#"{"message": {"data": "", "messageId": "1", "attributes": {"my_key": "x", "ce-specversion": "1.0", "ce-id": "7",
    ///     "ce-source": "/s", "ce-type": "t"}}, "subscription": "projects/p/subscriptions/s"}"#;
    /// let of = |adapters: Adapters| adapters.events(&[], &push.into(), &DecodeOptions::strict()).unwrap().remove(0);
    /// assert_eq!(of(Adapters::known())?.value.id(), "7");
    /// assert_eq!(of(Adapters::known().exact()).unwrap_err().kind(), ErrorKind::Inexact);
    /// # Ok::<(), cloudevents_core::Error>(())
    /// ```
    pub fn exact(self) -> Self {
        Self { exact: true, ..self }
    }

    /// The adapter of this name alone. `None` if there is none.
    pub fn only(&self, name: &str) -> Option<Self> {
        Some(Self { own: vec![self.find(name)?.clone()], known: false, exact: self.exact })
    }

    /// The adapters. The program's own adapters come first.
    pub fn all(&self) -> impl Iterator<Item = &Adapter> {
        self.own.iter().chain(self.others())
    }

    /// The names of [all](Self::all).
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.all().map(Adapter::name)
    }

    /// The adapter of this name.
    pub fn find(&self, name: &str) -> Option<&Adapter> {
        self.all().find(|adapter| adapter.name() == name)
    }

    /// The first adapter that fits the document. `None` for an event, and for a document that none fits.
    pub fn recognize(&self, document: &[u8]) -> Option<&Adapter> {
        self.recognize_message(&[], document)
    }

    /// The same for a document that came with headers, which show the system of some documents: those of GitHub, for example.
    pub fn recognize_message(&self, headers: Headers<'_>, document: &[u8]) -> Option<&Adapter> {
        if !self.own.is_empty() {
            let first = first(std::str::from_utf8(document).ok()?)?;
            if place::is_event(first) {
                return None;
            }
            let own = self.own.iter().find(|adapter| adapter.mapping(first, headers).is_some());
            if own.is_some() {
                return own;
            }
        }
        self.known.then(|| known::recognize_with(headers, document)).flatten()
    }

    /// Makes events of a document, by the first adapter that fits it.
    ///
    /// If a notification of SNS has a document that another of these adapters reads, the events are those of that document, and so on for
    /// four documents within each other. With the known adapters, an array of events is such a document, too. So it is for each element of
    /// an array of notifications. The other arguments, the results and the errors are those of [`Adapter::events`]. Errors of a document
    /// within another one have the place of the text that it stands in.
    ///
    /// `None` for an event, and for a document that no adapter fits.
    pub fn events(
        &self,
        headers: Headers<'_>,
        document: &Bytes,
        with: &DecodeOptions,
    ) -> Option<Vec<Result<Decoded<Event>, Error>>> {
        self.events_within(headers, document, with, DEPTH, false)
    }

    /// Makes events of a document by the adapter of this name, whether it fits or not. `None` if there is no such adapter.
    ///
    /// The other arguments, the results and the errors are those of [`Adapter::events`].
    pub fn events_by(
        &self,
        name: &str,
        headers: Headers<'_>,
        document: &Bytes,
        with: &DecodeOptions,
    ) -> Option<Vec<Result<Decoded<Event>, Error>>> {
        Some(self.find(name)?.events_of(headers, document, with, self.care(false)))
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
        Some(joined(self.events(headers, document, with)?))
    }

    /// The same for a document whose signature was checked.
    ///
    /// Nothing without a signature gets into an event: neither headers, nor parts of the document that its system does not sign, such as
    /// the `MessageAttributes` of SNS. A warning names such parts.
    pub fn signed_message_of(
        &self,
        document: &Bytes,
        with: &DecodeOptions,
    ) -> Option<Result<Decoded<Message>, Error>> {
        Some(joined(self.events_within(&[], document, with, DEPTH, true)?))
    }

    /// Why none of the program's own adapters fits a document: the first place of each mapping that does not fit. `None` if there are none,
    /// or if one fits.
    ///
    /// ```
    /// use cloudevents_adapters::{Adapter, Adapters};
    ///
    /// let own = Adapter::parse_all(r#"{"name": "shop", "what": "an order of our shop", "reference": "the wiki", "mappings": [{
    ///     "where": {"order": "*", "kind": "new"}, "id": "{order}", "source": "/shop", "type": "com.example.order"}]}"#)?;
    /// assert_eq!(
    ///     Adapters::known().with(own).unfit(&[], br#"{"order": 7}"#).unwrap(),
    ///     "the `where` of `shop` does not fit the document at `kind` of mapping 1",
    /// );
    /// # Ok::<(), cloudevents_core::Error>(())
    /// ```
    pub fn unfit(&self, headers: Headers<'_>, document: &[u8]) -> Option<String> {
        let first = first(std::str::from_utf8(document).ok()?)?;
        if self.own.iter().any(|adapter| adapter.mapping(first, headers).is_some()) {
            return None;
        }
        let why: Vec<_> =
            self.own.iter().take(MOST_ADAPTERS).map(|adapter| adapter.unfit(first, headers)).collect();
        (!why.is_empty()).then(|| why.join("; "))
    }

    pub(crate) fn care(&self, is_signed: bool) -> Care {
        Care { is_signed, is_exact: self.exact }
    }

    fn others(&self) -> &'static [Adapter] {
        if self.known { known::adapters() } else { &[] }
    }
}

/// The adapters that an error has.
const MOST_ADAPTERS: usize = 4;

/// The known adapters.
impl Default for Adapters {
    fn default() -> Self {
        Self::known()
    }
}

/// Whether the body of a message may be a document of another system. `decoded` is the message as its binding reads it.
///
/// A message that is marked as an event in binary mode, or that has a document in another format than JSON, stays as it is, also if the
/// event lacks a part. The body of each other message is for adapters, which leave out events in JSON, too.
///
/// ```
/// use cloudevents_adapters::may_be_foreign;
/// use cloudevents_core::{Decoded, Error, ErrorKind, Event, Message};
///
/// let event = Event::builder().id("1").source("/s").ty("t").build()?;
/// assert!(!may_be_foreign(Ok(&Decoded::clean(Message::Binary(event)))));
/// assert!(may_be_foreign(Err(&Error::new(ErrorKind::NotACloudEvent))));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn may_be_foreign(decoded: Result<&Decoded<Message>, &Error>) -> bool {
    match decoded {
        Ok(message) => message.value.format() == Some(&FormatId::JSON),
        Err(error) => error.kind() == ErrorKind::NotACloudEvent,
    }
}

/// One event in binary mode, or a batch of all.
pub(crate) fn joined(events: Vec<Result<Decoded<Event>, Error>>) -> Result<Decoded<Message>, Error> {
    let is_one = events.len() == 1;
    let is_none = |event: &Result<Decoded<Event>, Error>| {
        event.as_ref().is_err_and(|error| error.kind() == ErrorKind::NotACloudEvent)
    };
    let has_events = !events.iter().all(is_none);
    let mut all = Vec::with_capacity(events.len());
    let mut repairs = Vec::new();
    for (index, event) in events.into_iter().enumerate() {
        let decoded = event.map_err(|error| {
            let error = if has_events { error.beside_events() } else { error };
            if is_one { error } else { error.with_index(index) }
        })?;
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
