//! Reading attributes of an extension, with every mistake.

use crate::{Extension, NonEmptyText, Text, violation};
use cloudevents_core::{Error, ErrorKind, Event, FromValue};

/// The attributes of an extension while they are read. Mistakes are collected, and [`finish`](Self::finish) returns all of them.
///
/// See [`Extension`] for an example.
#[derive(Debug)]
pub struct Fields<'a> {
    event: &'a Event,
    mistakes: Vec<Error>,
}

impl<'a> Fields<'a> {
    /// Starts to read an extension; `None` when the event has none of its attributes.
    pub fn of<T: Extension>(event: &'a Event) -> Option<Self> {
        T::ATTRIBUTES.iter().any(|name| event.extension(name).is_some()).then(|| Self::new(event))
    }

    /// Starts to read an extension that an event can use without having any of its attributes.
    pub fn new(event: &'a Event) -> Self {
        Self { event, mistakes: Vec::new() }
    }

    /// Reads an attribute that the extension requires. Its absence and a wrong value break `clause`.
    pub fn required<T: FromValue<'a>>(&mut self, name: &str, clause: &'static str) -> Option<T> {
        if self.event.extension(name).is_none() {
            return self.accept(Err(violation(name, clause, "it is required, and it is missing")));
        }
        self.optional(name, clause)
    }

    /// Reads an attribute that may be absent. A wrong value breaks `clause`.
    pub fn optional<T: FromValue<'a>>(&mut self, name: &str, clause: &'static str) -> Option<T> {
        let value =
            self.event.extension_as(name).map_err(|error| against(name, clause, error)).transpose()?;
        self.accept(value)
    }

    /// Reads a text that the extension requires: its absence and another type break `clause`, and an empty text breaks `empty`.
    pub fn required_text(
        &mut self,
        name: &str,
        clause: &'static str,
        empty: &'static str,
    ) -> Option<NonEmptyText> {
        let text = self.required(name, clause)?;
        self.non_empty(name, text, empty)
    }

    /// Reads a text that may be absent: another type breaks `clause`, and an empty text breaks `empty`.
    pub fn optional_text(
        &mut self,
        name: &str,
        clause: &'static str,
        empty: &'static str,
    ) -> Option<NonEmptyText> {
        let text = self.optional(name, clause)?;
        self.non_empty(name, text, empty)
    }

    /// Returns the value, or records the mistake. An error of another kind should become a [`violation`] before.
    pub fn accept<T>(&mut self, value: Result<T, Error>) -> Option<T> {
        value.map_err(|mistake| self.mistakes.push(mistake)).ok()
    }

    /// Returns the mistakes, if there are any, as one error with [others](Error::others). Otherwise returns the result of `read`.
    pub fn finish<T>(self, read: impl FnOnce() -> Option<T>) -> Result<Option<T>, Error> {
        let mut mistakes = self.mistakes.into_iter();
        match mistakes.next() {
            Some(first) => Err(first.with_others(mistakes)),
            None => Ok(read()),
        }
    }

    fn non_empty(&mut self, name: &str, text: Text, clause: &'static str) -> Option<NonEmptyText> {
        self.accept(NonEmptyText::try_from(text).map_err(|_| violation(name, clause, "it is empty")))
    }
}

/// The violation that a value of a wrong type or spelling is.
fn against(name: &str, clause: &'static str, error: Error) -> Error {
    if error.kind() == ErrorKind::InvalidExtension {
        return error;
    }
    let detail = match error.detail() {
        "" => error.message().to_string(),
        detail => detail.to_owned(),
    };
    violation(name, clause, detail).with_source(error)
}
