//! The carriers a request names in `via`.

use cloudevents_core::{FormatId, Formats};
use cloudevents_json::Json;

/// What `via` names.
#[derive(Clone, Copy)]
pub(crate) enum Carrier {
    /// A document with one event.
    Single(FormatName),
    /// A document with a batch.
    Batch(FormatName),
    Http,
}

/// The name of a format that is at hand.
pub(crate) type FormatName = &'static str;

impl Carrier {
    pub(crate) fn of(via: &str) -> Option<Self> {
        Some(match via {
            "json" => Self::Single("json"),
            "json-batch" => Self::Batch("json"),
            "http" => Self::Http,
            _ => return None,
        })
    }
}

/// All formats that are at hand.
pub(crate) fn formats() -> Formats {
    Formats::none().with(Json::new())
}

/// The id of a format that is at hand.
pub(crate) fn id(name: FormatName) -> FormatId {
    FormatId::new(name)
}
