//! The legs of the tour.

use super::{bindings::Binding, route::Route};
use cloudevents_kit::{ContentMode, Formats};

/// A way to carry events.
pub(super) struct Leg {
    /// What is said before it, when something new begins.
    pub(super) section: Option<String>,
    pub(super) binding: &'static str,
    pub(super) mode: ContentMode,
    pub(super) format: Option<String>,
    pub(super) words: String,
    /// The routes, one after the other, by their numbers.
    pub(super) stops: Vec<usize>,
    /// How many messages are shown as they were on the wire.
    pub(super) shown: usize,
    /// Whether each sample is told of, or only those that differ.
    pub(super) is_told: bool,
}

impl Leg {
    /// Whether messages are forwarded.
    pub(super) fn is_relay(&self) -> bool {
        self.stops.len() > 1
    }
}

/// Every mode of every binding; then from one to the next and home.
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
        shown: if format.is_none() { 2 } else { 1 },
        is_told: format.is_none() || number == 0,
        format,
    };
    let words = format!("binary mode: {}", binding.binary);
    let mut legs = vec![leg(ContentMode::Binary, None, words)];
    for format in formats.iter() {
        let id = format.id().to_string();
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

/// From each to the next, and home to the first.
fn relay(routes: &[Route]) -> [Leg; 2] {
    let names: Vec<_> = routes.iter().map(|route| route.binding.name).collect();
    let section = format!("A relay: {} and home, forwarded without being decoded", names.join(" to "));
    let leg = |section, mode, format, words: &str| Leg {
        section,
        binding: "relay",
        mode,
        format,
        words: words.to_owned(),
        stops: (0..routes.len()).chain([0]).collect(),
        shown: 1,
        is_told: true,
    };
    let words = "binary mode: each binding has its own headers, and the payload stays as it is";
    let binary = leg(Some(section), ContentMode::Binary, None, words);
    let words =
        "structured mode: the document stays as it is, also the blanks before it that no encoder writes";
    [binary, leg(None, ContentMode::Structured, Some("json".to_owned()), words)]
}
