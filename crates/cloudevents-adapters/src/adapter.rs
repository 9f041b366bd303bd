//! An adapter: mappings of the documents of one system.

use crate::{
    Headers,
    beside::Parts,
    mapping::{self, Mapping, invalid},
    place,
    template::{Given, header},
};
use bytes::Bytes;
use cloudevents_core::{DecodeOptions, Decoded, Error, ErrorKind, Event, codec::check_count};
use serde::{Deserialize, de::DeserializeOwned};
use std::collections::BTreeSet;

/// How the parts of a document are treated that its events cannot carry, or that are not signed.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Care {
    /// Whether the signature of the document was checked.
    pub(crate) is_signed: bool,
    /// Whether a part that is not carried is an error.
    pub(crate) is_exact: bool,
}

/// The mappings that an error has.
const MOST_PLACES: usize = 4;

/// Makes events of the documents of one system.
///
/// [`adapters`](crate::adapters) lists the known adapters; [`parse`](Self::parse) reads one of your own.
#[derive(Clone, Debug, Deserialize)]
#[serde(
    deny_unknown_fields,
    expecting = "an adapter, which is an object with `name`, `what`, `reference` and `mappings`"
)]
pub struct Adapter {
    name: String,
    what: String,
    reference: String,
    #[serde(deserialize_with = "mapping::checked")]
    mappings: Vec<Mapping>,
    /// Whether a program defines it.
    #[serde(skip)]
    own: bool,
}

impl Adapter {
    /// Reads an adapter: an object of JSON, whose members [the crate's documentation](crate#mappings) describes.
    ///
    /// Errors are of kind [`InvalidDocument`](ErrorKind::InvalidDocument) and have the [offset](Error::offset) of the mistake.
    ///
    /// ```
    /// use cloudevents_adapters::Adapter;
    /// use cloudevents_core::DecodeOptions;
    ///
    /// let adapter = Adapter::parse(r#"{"name": "shop", "what": "an order of our shop", "reference": "the wiki", "mappings": [{
    ///     "where": {"order": "*"}, "id": "{order.number}", "source": "/shop/{country}", "type": "com.example.order", "data": "order"}]}"#)?;
    /// let document = r#"{"country": "de", "order": {"number": 7, "total": 1.50}}"#.into();
    /// let event = adapter.events(&[], &document, &DecodeOptions::strict()).remove(0)?.value;
    /// assert_eq!((event.id(), event.source().as_str()), ("7", "/shop/de"));
    /// assert_eq!(event.data_bytes().unwrap(), &r#"{"number": 7, "total": 1.50}"#[..]);
    /// # Ok::<(), cloudevents_core::Error>(())
    /// ```
    pub fn parse(text: &str) -> Result<Self, Error> {
        read(text).map(Self::owned)
    }

    /// Reads one adapter, or an array of adapters.
    ///
    /// Errors are the errors of [`parse`](Self::parse), and two adapters of one name.
    pub fn parse_all(text: &str) -> Result<Vec<Self>, Error> {
        if !is_array(text) {
            return Ok(vec![Self::parse(text)?]);
        }
        let all: Vec<Self> = read(text)?;
        let mut names = BTreeSet::new();
        match all.iter().find(|adapter| !names.insert(adapter.name())) {
            Some(adapter) => {
                let detail = format!("two adapters have the name `{}`", adapter.name());
                Err(Error::new(ErrorKind::InvalidDocument).with_detail(detail))
            }
            None => Ok(all.into_iter().map(Self::owned).collect()),
        }
    }

    /// Its name, such as `aws-s3`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The kind of its documents, such as "an event notification of Amazon S3".
    pub fn what(&self) -> &str {
        &self.what
    }

    /// The address of a page about the mapping, or about the documents of the system.
    pub fn reference(&self) -> &str {
        &self.reference
    }

    /// Whether it makes events. Otherwise it names the documents of its system, and helps.
    pub fn makes_events(&self) -> bool {
        self.mappings.iter().any(Mapping::makes_events)
    }

    /// Whether this document is one of the system. Of an array, the first element decides.
    pub fn fits(&self, document: &[u8]) -> bool {
        let Ok(text) = std::str::from_utf8(document) else { return false };
        first(text).is_some_and(|first| self.mapping(first, &[]).is_some())
    }

    /// Makes events of a document of JSON, which may be an array.
    ///
    /// `headers` are the headers of the request that it came with, if there is one.
    ///
    /// An event that stands in the document is read with these options. Other parts of the document, such as the attributes of a message of
    /// Pub/Sub, become extensions of the event, and no attribute of the event changes. The names of parts that no extension can have are
    /// logged as a warning. In other documents, a place that a mapping marks with `?` may be missing: its attribute is left out then. Every
    /// other missing place is an error, and so is a time that is no timestamp.
    ///
    /// A document whose list of elements is empty has no event, and several elements may have one source and id: both are logged as
    /// warnings.
    ///
    /// An error is of one event, or of the whole document. Its offset is an offset of the document:
    ///
    /// - [`InvalidData`](ErrorKind::InvalidData) if the document is none of the system, lacks a place that the mapping does not mark, has
    ///   an object or an array where an attribute is read, has another value in place of an object, or has a member or a header twice that
    ///   is read.
    /// - [`NotACloudEvent`](ErrorKind::NotACloudEvent) if it is one of the system that has no event.
    /// - [`TooLarge`](ErrorKind::TooLarge) and [`TooMany`](ErrorKind::TooMany) beyond [`DecodeOptions::limits`].
    pub fn events(
        &self,
        headers: Headers<'_>,
        document: &Bytes,
        with: &DecodeOptions,
    ) -> Vec<Result<Decoded<Event>, Error>> {
        self.events_of(headers, document, with, Care::default())
    }

    /// The same with more care.
    pub(crate) fn events_of(
        &self,
        headers: Headers<'_>,
        document: &Bytes,
        with: &DecodeOptions,
        care: Care,
    ) -> Vec<Result<Decoded<Event>, Error>> {
        let events = self.all(headers, document, with, care).unwrap_or_else(|error| vec![Err(error)]);
        self.remark(&events);
        events
    }

    /// Logs a warning of a document without an event, and of events that have one source and id.
    fn remark(&self, events: &[Result<Decoded<Event>, Error>]) {
        if events.is_empty() {
            tracing::warn!(adapter = self.name, "a document has no event, because its list is empty");
        }
        self.remark_copies(events);
    }

    /// Logs a warning of events of one document that have one source and id.
    pub(crate) fn remark_copies(&self, events: &[Result<Decoded<Event>, Error>]) {
        let adapter = &self.name;
        let mut seen = BTreeSet::new();
        let events = events.iter().flatten().map(|decoded| &decoded.value);
        let copies: Vec<_> =
            events.filter(|event| !seen.insert((event.source().as_str(), event.id()))).collect();
        if let Some(first) = copies.first() {
            tracing::warn!(
                adapter,
                copies = copies.len(),
                id = first.id(),
                source = first.source().as_str(),
                "events of one document have one source and id: everything that removes duplicates keeps one of them"
            );
        }
    }

    fn all(
        &self,
        headers: Headers<'_>,
        document: &Bytes,
        with: &DecodeOptions,
        Care { is_signed, is_exact }: Care,
    ) -> Result<Vec<Result<Decoded<Event>, Error>>, Error> {
        with.limits.check_bytes(document.len())?;
        let text = std::str::from_utf8(document)
            .map_err(|error| Error::new(ErrorKind::InvalidUtf8).with_source(error))?;
        if !place::is_json(text) {
            let error = invalid("it is not a document of JSON");
            let help = if is_form(text, headers) {
                Some(FORM)
            } else {
                text.starts_with('\u{feff}').then_some(BYTE_ORDER_MARK)
            };
            return Err(match help {
                Some(help) => error.with_help(help),
                None => error,
            });
        }
        let mut events = Vec::new();
        // One more than there may be.
        let most = with.limits.batch.saturating_add(1);
        for (index, part) in each(text, most).into_iter().enumerate() {
            let mapping = self.mapping(part, headers).ok_or_else(|| {
                let error = invalid(format!("it is not {}", self.what));
                let error = match self.missing_header(headers) {
                    Some(name) => error.with_help(format!(
                        "it comes with the header `{name}`: over HTTP, or in a file with the text of the request"
                    )),
                    None if self.own => error.with_help(self.unfit(part, headers)),
                    None => error,
                };
                if is_array(text) { error.with_index(index) } else { error }
            })?;
            let checked = mapping.check_headers(headers).and_then(|()| mapping.check_document(part));
            let checked = checked
                .map_err(|error| self.helped(error))
                .and_then(|()| self.check_help(mapping, part, headers));
            let elements = match checked.and_then(|()| mapping.elements(part, most)) {
                Ok(elements) => elements,
                // The other documents of an array are read as without this one.
                Err(error) => {
                    check_count(events.len(), 0, &with.limits)?;
                    events.push(Err(error));
                    continue;
                }
            };
            let count = events.len().saturating_add(elements.len());
            check_count(count.saturating_sub(1), 0, &with.limits)?;
            let document = mapping.of_document(part);
            events.extend(elements.into_iter().map(|element| {
                let begin = place::begin(text, element);
                let error = |error: Error| {
                    let error = match error.offset().map(usize::try_from) {
                        Some(Ok(offset)) => error.with_offset(begin.saturating_add(offset)),
                        _ => error,
                    };
                    self.helped(error)
                };
                let given = Given { element, document: &document, headers, is_signed };
                mapping.event(given, with, is_exact).map_err(error)
            }));
        }
        Ok(events)
    }

    /// Refuses a document of the system that has no event.
    fn check_help(&self, mapping: &Mapping, document: &str, headers: Headers<'_>) -> Result<(), Error> {
        mapping.help(document, headers).map_or(Ok(()), |help| {
            let detail = format!("{} has no event", self.what);
            Err(Error::new(ErrorKind::NotACloudEvent).with_detail(detail).with_help(help))
        })
    }

    /// The error for a document of the system where an event is expected. It is of kind [`NotACloudEvent`](ErrorKind::NotACloudEvent).
    ///
    /// It names the system, and `how` to make events of the document, in one line. If the document has no event, it gives the reason
    /// instead.
    ///
    /// ```
    /// let document = br#"{"Records": [{"eventSource": "aws:s3", "s3": {}}]}"#;
    /// let adapter = cloudevents_adapters::recognize(document).unwrap();
    /// assert_eq!(
    ///     adapter.unread(document, "`--from aws-s3` makes events of it").detail(),
    ///     "it is an event notification of Amazon S3: `--from aws-s3` makes events of it",
    /// );
    /// ```
    pub fn unread(&self, document: &[u8], how: &str) -> Error {
        self.unread_message(&[], document, how)
    }

    /// The same for a document that came with headers.
    pub fn unread_message(&self, headers: Headers<'_>, document: &[u8], how: &str) -> Error {
        let text = std::str::from_utf8(document).ok();
        let form = text.filter(|text| is_form(text, headers)).map(|_| FORM);
        let first = text.and_then(first).unwrap_or_default();
        let help = self.mapping(first, headers).and_then(|mapping| mapping.help(first, headers));
        let why = form.or(help.as_deref()).unwrap_or(how);
        Error::new(ErrorKind::NotACloudEvent).with_detail(format!("it is {}: {why}", self.what))
    }

    /// The members of a document by which it is recognised.
    pub(crate) fn members(&self) -> impl Iterator<Item = &str> {
        self.mappings.iter().flat_map(Mapping::members)
    }

    /// Whether a document of another system may stand in one of its documents.
    pub(crate) fn is_envelope(&self) -> bool {
        self.mappings.iter().any(Mapping::is_envelope)
    }

    /// A document of another system in this one, and the offset of the value that has it.
    pub(crate) fn inner(&self, headers: Headers<'_>, document: &[u8]) -> Option<(usize, Bytes)> {
        let text = std::str::from_utf8(document).ok().filter(|text| !is_array(text))?;
        let (value, inner) = self.mapping(text, headers)?.inner(text)?;
        Some((place::begin(text, value), inner))
    }

    /// The parts of the document beside its [document of another system](Self::inner).
    pub(crate) fn beside_inner(
        &self,
        headers: Headers<'_>,
        document: &[u8],
        with: &DecodeOptions,
        is_signed: bool,
    ) -> Result<Parts, Error> {
        let mapping =
            std::str::from_utf8(document).ok().and_then(|text| Some((text, self.mapping(text, headers)?)));
        mapping.map_or_else(
            || Ok(Parts::default()),
            |(text, mapping)| {
                mapping.beside_inner(headers, text, with, is_signed).map_err(|error| self.helped(error))
            },
        )
    }

    /// The mapping that fits the document alone, without headers. Of an array, the first element decides.
    pub(crate) fn mapping_of(&self, document: &[u8]) -> Option<&Mapping> {
        let first = std::str::from_utf8(document).ok().and_then(first)?;
        self.mapping(first, &[])
    }

    /// Whether events can be made of the document alone, without headers.
    pub fn reads(&self, document: &[u8]) -> bool {
        self.mapping_of(document).is_some_and(Mapping::makes_events)
    }

    /// The headers by which a document is recognised.
    pub(crate) fn headers(&self) -> impl Iterator<Item = &str> {
        self.mappings.iter().flat_map(Mapping::headers)
    }

    /// The first place of each mapping that does not fit the document.
    pub(crate) fn unfit(&self, document: &str, headers: Headers<'_>) -> String {
        let places = self.mappings.iter().enumerate().filter_map(|(index, mapping)| {
            let place = mapping.unfit(document, headers)?;
            Some(format!("`{place:.80}` of mapping {}", index.saturating_add(1)))
        });
        let places: Vec<_> = places.take(MOST_PLACES).collect();
        let more = if places.len() < self.mappings.len() { ", and so on" } else { "" };
        format!("the `where` of `{:.80}` does not fit the document at {}{more}", self.name, places.join(", "))
    }

    /// A header that is absent, if no event is made without headers.
    fn missing_header(&self, headers: Headers<'_>) -> Option<&str> {
        let mut absent = None;
        for mapping in self.mappings.iter().filter(|mapping| mapping.makes_events()) {
            let is_absent = |name: &&str| header(headers, name).is_none();
            absent = Some(mapping.headers().find(is_absent)?);
        }
        absent
    }

    /// The mapping that fits a document, which is no array.
    pub(crate) fn mapping(&self, document: &str, headers: Headers<'_>) -> Option<&Mapping> {
        self.mappings.iter().find(|mapping| mapping.fits(document, headers))
    }

    fn owned(self) -> Self {
        Self { own: true, mappings: self.mappings.into_iter().map(Mapping::owned).collect(), ..self }
    }

    /// An error of an event, with what helps if it has no help.
    fn helped(&self, error: Error) -> Error {
        if error.help().is_some() {
            return error;
        }
        let help = match (error.kind(), error.attribute()) {
            (ErrorKind::InvalidData, _) => format!("{} describes {}", self.reference, self.what),
            // An event that stands in the document has its own attributes.
            (_, Some(name)) if error.offset().is_none() && self.own => {
                format!("`{name}` of the mapping has this value")
            }
            (_, Some(name)) if error.offset().is_none() => {
                format!("a mapping of your own, with `--map` of `ce`, gives it another `{name}`")
            }
            _ => return error,
        };
        error.with_help(help)
    }
}

/// Systems that send documents as forms have a setting for it.
const FORM: &str = "its body is a form, and adapters read JSON: let the sender send `application/json`, which is \"Content type\" of a webhook at GitHub";

/// RFC 8259, section 8.1.
const BYTE_ORDER_MARK: &str =
    "it begins with a byte order mark, which JSON does not have: write it without one";

/// Whether the body is a form with a document in it.
fn is_form(text: &str, headers: Headers<'_>) -> bool {
    let content_type = header(headers, "content-type").unwrap_or_default();
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    text.starts_with("payload=") || media_type.eq_ignore_ascii_case("application/x-www-form-urlencoded")
}

fn read<T: DeserializeOwned>(text: &str) -> Result<T, Error> {
    serde_json::from_str(text).map_err(|error| {
        let words = error.to_string();
        let words = words.rsplit_once(" at line ").map_or(words.as_str(), |(words, _)| words);
        let offset = token(text, place::offset(text, error.line(), error.column()));
        Error::new(ErrorKind::InvalidDocument).with_detail(words.to_owned()).with_offset(offset)
    })
}

/// Where the token begins that ends here. `end` may also be behind the white space, the comma or the bracket that follows an element.
fn token(text: &str, end: usize) -> usize {
    let behind = |character: char| character.is_ascii_whitespace() || matches!(character, ',' | ']');
    let before = text.get(..end).unwrap_or_default().trim_end_matches(behind);
    let Some(inner) = before.strip_suffix('"') else { return before.len().saturating_sub(1) };
    inner.rfind('"').unwrap_or_default()
}

/// The first elements of an array, up to this number, or the document itself.
fn each(text: &str, most: usize) -> Vec<&str> {
    match is_array(text) {
        true => place::elements(text, most).unwrap_or_default(),
        false => vec![text],
    }
}

/// The first element of an array, or the document itself.
pub(crate) fn first(text: &str) -> Option<&str> {
    if is_array(text) { place::at(text, "0") } else { Some(text) }
}

pub(crate) fn is_array(text: &str) -> bool {
    text.trim_start().starts_with('[')
}
