//! Events of documents, for the other tests.

use cloudevents_adapters::{Headers, find, recognize};
use cloudevents_core::{DecodeOptions, Error, Event};

/// The events that the adapter of this name makes, which also recognises the document.
pub(crate) fn all(name: &str, headers: Headers<'_>, document: &str) -> Vec<Result<Event, Error>> {
    let known = recognize(document.as_bytes()).map(cloudevents_adapters::Adapter::name);
    assert_eq!(known, Some(name), "{document}");
    let document = bytes::Bytes::copy_from_slice(document.as_bytes());
    let events = find(name).unwrap().events(headers, &document, &DecodeOptions::strict());
    events.into_iter().map(|event| event.map(|decoded| decoded.value)).collect()
}

pub(crate) fn one(name: &str, headers: Headers<'_>, document: &str) -> Event {
    let mut events = all(name, headers, document);
    assert_eq!(events.len(), 1);
    events.remove(0).unwrap()
}

/// Id, source, type and subject.
pub(crate) fn named(event: &Event) -> [&str; 4] {
    [event.id(), event.source().as_str(), event.ty(), event.subject().unwrap_or_default()]
}

pub(crate) fn data(event: &Event) -> &str {
    event.data_bytes().map_or("", |bytes| std::str::from_utf8(bytes).unwrap())
}

/// An attribute as text; empty if there is none.
pub(crate) fn attribute(event: &Event, name: &str) -> String {
    event.attribute(name).map(|value| value.to_canonical().into_owned()).unwrap_or_default()
}
