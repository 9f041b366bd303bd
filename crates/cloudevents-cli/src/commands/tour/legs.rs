//! The legs of the tour.

use super::{bindings::Binding, route::Route};
use cloudevents_kit::{ContentMode, Formats};

/// A way to carry events.
pub(super) struct Leg {
    /// The heading, if a new section begins.
    pub(super) section: Option<String>,
    pub(super) binding: &'static str,
    pub(super) mode: ContentMode,
    pub(super) format: Option<String>,
    pub(super) words: String,
    /// The indexes of the routes, in order.
    pub(super) stops: Vec<usize>,
}

impl Leg {
    /// Whether messages are forwarded.
    pub(super) fn is_relay(&self) -> bool {
        self.stops.len() > 1
    }
}

/// Returns every mode of every binding, then the relay.
pub(super) fn all(routes: &[Route], formats: &Formats) -> Vec<Leg> {
    let mut legs = Vec::new();
    for (number, route) in routes.iter().enumerate() {
        let mut own = of_binding(route.binding, number, formats);
        if let Some(first) = own.first_mut() {
            let Binding { name, server, .. } = route.binding;
            first.section = Some(format!("{name}, with {server} at {}", route.url));
        }
        legs.append(&mut own);
    }
    if routes.len() > 1 {
        legs.extend(relay(routes));
    }
    legs
}

fn of_binding(binding: &'static Binding, number: usize, formats: &Formats) -> Vec<Leg> {
    let leg = |mode, format: Option<String>, words| Leg {
        section: None,
        binding: binding.name,
        mode,
        words,
        stops: vec![number],
        format,
    };
    let binary = binding.binary.map(|words| leg(ContentMode::Binary, None, format!("binary mode: {words}")));
    let mut legs: Vec<_> = binary.into_iter().collect();
    for format in formats.iter() {
        let id = format.id().to_string();
        if binding.formats.is_some_and(|formats| !formats.contains(&id.as_str())) {
            continue;
        }
        let name = id.to_uppercase();
        let words = format!("structured mode: the event as one {name} document");
        legs.push(leg(ContentMode::Structured, Some(id.clone()), words));
        if binding.batches && format.batch_media_type().is_some() {
            let words = format!("batched mode: many events as one {name} document");
            legs.push(leg(ContentMode::Batched, Some(id), words));
        }
    }
    legs
}

/// Returns legs that forward messages from each binding to the next and back to the first.
fn relay(routes: &[Route]) -> [Leg; 2] {
    let names: Vec<_> = routes.iter().map(|route| route.binding.name).collect();
    let section = format!("A relay: {} and back, forwarded without decoding", names.join(" to "));
    let leg = |section, mode, format: Option<String>, words: &str| Leg {
        section,
        binding: "relay",
        mode,
        words: words.to_owned(),
        stops: (0..routes.len())
            .filter(|stop| {
                format.is_some() || routes.get(*stop).is_some_and(|route| route.binding.binary.is_some())
            })
            .chain([0])
            .collect(),
        format,
    };
    let words = "binary mode: each binding has its own headers, and the payload stays as it is";
    let binary = leg(Some(section), ContentMode::Binary, None, words);
    let words =
        "structured mode: the document stays as it is, even with leading spaces that no encoder writes";
    [binary, leg(None, ContentMode::Structured, Some("json".to_owned()), words)]
}
