//! Documents of other systems.

use super::{
    form::{Form, all},
    reader::{SMALL, text},
};
use crate::{
    failure::{Failure, Status},
    plain::plain,
    report::Report,
    source::{Place, Source},
};
use bytes::Bytes;
use clap::{
    Arg, Command,
    builder::{NonEmptyStringValueParser, PossibleValue, TypedValueParser},
};
use cloudevents_kit::{
    DecodeOptions, Decoded, Error, Event, Formats, Message,
    adapters::{Adapter, Adapters, Headers, recognize},
};
use std::{
    ffi::OsStr,
    iter,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

/// Events, and documents of other systems with the adapter that fits each.
const AUTO: &str = "auto";

/// The names of the systems that are known.
fn names() -> impl Iterator<Item = String> {
    let known = Adapters::known();
    let all: Vec<_> = known.names().map(str::to_owned).collect();
    iter::once(AUTO.to_owned()).chain(all)
}

/// A name that is not checked, because adapters of the user's own have names, too. The names that are known are for completions.
#[derive(Clone, Debug)]
pub struct AnyName(fn() -> Vec<String>);

impl TypedValueParser for AnyName {
    type Value = String;

    fn parse_ref(&self, command: &Command, arg: Option<&Arg>, value: &OsStr) -> Result<String, clap::Error> {
        NonEmptyStringValueParser::new().parse_ref(command, arg, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new((self.0)().into_iter().map(PossibleValue::new)))
    }
}

/// Returns the names of all forms that are read.
pub(crate) fn read_names() -> AnyName {
    AnyName(|| all().into_iter().chain(names()).collect())
}

/// Returns the names of all systems whose documents are read.
pub fn system_names() -> AnyName {
    AnyName(|| names().collect())
}

/// The adapters that make events of documents of other systems.
#[derive(Clone, Debug)]
pub struct Systems {
    adapters: Arc<Adapters>,
    name: Option<String>,
    /// The number of documents without an event. Clones share it.
    empty: Arc<AtomicU64>,
}

impl Systems {
    /// The adapter of this name. Without a name, and for `auto`, the first adapter that fits each document.
    ///
    /// The adapters in a file are among them, and come first.
    pub fn of(name: Option<&str>, map: Option<&Path>) -> Result<Self, Failure> {
        let own = map.map(own).transpose()?.unwrap_or_default();
        let has_own = !own.is_empty();
        let adapters = Arc::new(Adapters::known().with(own));
        let name = name.filter(|name| *name != AUTO);
        match name {
            Some(unknown) if adapters.find(unknown).is_none() => {
                let (made, named): (Vec<_>, Vec<_>) =
                    adapters.all().partition(|adapter| adapter.makes_events());
                let names =
                    |all: Vec<&Adapter>| all.into_iter().map(Adapter::name).collect::<Vec<_>>().join(", ");
                let (made, named) = (names(made), names(named));
                let more = if has_own { "" } else { "; `--map FILE` adds one of your own" };
                Err(Failure::usage(format!("there is no adapter with the name `{}`", plain(unknown))).help(
                    format!("the names are {AUTO}, {made}; {named} are named, and not converted{more}"),
                ))
            }
            _ => Ok(Self { adapters, name: name.map(str::to_owned), empty: Arc::default() }),
        }
    }

    /// Refuses documents with parts beside their events that the events cannot carry.
    pub fn exact(self) -> Self {
        Self { adapters: Arc::new((*self.adapters).clone().exact()), ..self }
    }

    /// The events of this document. With `auto`, none for an event and for an unknown document.
    pub(super) fn events(
        &self,
        headers: Headers<'_>,
        document: &Bytes,
        with: &DecodeOptions,
    ) -> Option<Vec<Result<Decoded<Event>, Error>>> {
        let events = match &self.name {
            Some(name) => self.adapters.events_by(name, headers, document, with)?,
            None => self.adapters.events(headers, document, with)?,
        };
        if events.is_empty() {
            self.empty.fetch_add(1, Ordering::Relaxed);
        }
        Some(events)
    }

    /// Why no adapter in the file of the user fits the document.
    pub(super) fn unfit(&self, headers: Headers<'_>, document: &[u8]) -> Option<String> {
        self.adapters.unfit(headers, document)
    }

    /// Counts a message that the adapters have made if it has no event.
    pub fn count(&self, made: &Message) {
        // An empty list of JSON.
        if matches!(made, Message::Batched(document) if document.body().trim_ascii() == b"[]") {
            self.empty.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The number of documents and messages without an event.
    pub fn without_event(&self) -> u64 {
        self.empty.load(Ordering::Relaxed)
    }

    /// The adapters that are chosen from, for messages.
    pub fn adapters(&self) -> Adapters {
        let only = self.name.as_ref().and_then(|name| self.adapters.only(name));
        only.unwrap_or_else(|| (*self.adapters).clone())
    }
}

/// Reads adapters of the user's own from a file of 1 MiB at most. Errors have their place in it.
fn own(path: &Path) -> Result<Vec<Adapter>, Failure> {
    let text = text(path, SMALL)?;
    let own = Adapter::parse_all(&text).map_err(|error| {
        let place = Place::of(Source::new(path.display().to_string(), text.clone(), 1));
        let offset = error.offset().and_then(|offset| usize::try_from(offset).ok());
        Failure::Told(Status::Usage, Box::new(Report::of(&error).at(&place).up_to_end_of_line(offset)))
    })?;
    if own.is_empty() {
        return Err(Failure::usage(format!("`{}` has no adapter", path.display())));
    }
    let formats = cloudevents_kit::formats();
    match own.iter().find(|adapter| is_taken(adapter.name(), &formats)) {
        Some(adapter) => Err(Failure::usage(format!("an adapter cannot have the name `{}`", adapter.name()))
            .help("`--from` means something else by it")),
        None => Ok(own),
    }
}

fn is_taken(name: &str, formats: &Formats) -> bool {
    name.is_empty() || name == AUTO || Form::of(name, formats).is_some()
}

/// The error that names the system of a document that is no event, if the system is known. It is for commands that have `--from`.
pub(super) fn named(document: &[u8]) -> Option<Error> {
    let adapter = recognize(document)?;
    Some(adapter.unread(document, &format!("`--from {}` makes events of it", adapter.name())))
}
