//! Documents of other systems.

use cloudevents_kit::{Error, ErrorKind, adapters};
use std::iter;

/// Documents of other systems, each by what it is, and events.
const AUTO: &str = "auto";

/// The names of the systems.
pub(super) fn names() -> impl Iterator<Item = String> {
    let all = adapters::adapters().iter().map(|adapter| adapter.name().to_owned());
    iter::once(AUTO.to_owned()).chain(all)
}

/// Whether this is a name of them.
pub(super) fn is_one(name: &str) -> bool {
    name == AUTO || adapters::find(name).is_some()
}

/// What a document is that is no event, if that is known.
pub fn named(document: &[u8]) -> Option<Error> {
    let adapter = adapters::recognize(document)?;
    let error = Error::new(ErrorKind::NotACloudEvent).with_detail(format!("it is {}", adapter.what()));
    Some(error.with_help(format!("`ce convert --from {}` makes events of it", adapter.name())))
}
