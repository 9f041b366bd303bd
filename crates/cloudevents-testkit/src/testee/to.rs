//! What is to be written, and how.

use crate::tagged::malformed;
use cloudevents_core::{Error, ErrorKind, Event, Format, Formats, Losses, Message, Mode, Peer};
use serde_json::Value as Json;

/// A message, and its losses. The inner error names the feature that the toolkit does not support.
pub(crate) type Written = Result<Result<(Json, Losses), String>, Error>;

/// Events, and how they are to be written.
pub(crate) struct To<'a> {
    pub(super) request: &'a Json,
    pub(crate) events: &'a [Event],
    pub(super) formats: &'a Formats,
}

/// The wanted output: one event in a mode, or a batch in a format.
pub(crate) enum Wanted<'f> {
    One(Mode<'f>),
    Batch(&'f dyn Format),
}

impl<'a> To<'a> {
    /// A member of the request.
    pub(crate) fn member(&self, name: &str) -> Option<&'a Json> {
        self.request.get(name)
    }

    /// An option of writing.
    pub(crate) fn option(&self, name: &str) -> Option<&'a Json> {
        self.member("options")?.get(name)
    }

    /// The peer that the options name, whose dialect is written.
    pub(crate) fn peer(&self) -> Result<Option<Peer>, Error> {
        let named = self.option("peer").and_then(Json::as_str);
        named.map(|name| name.parse().map_err(|_| malformed("there is no such peer"))).transpose()
    }

    /// The only event.
    pub(crate) fn one(&self) -> Result<&'a Event, Error> {
        match self.events {
            [event] => Ok(event),
            events => Err(Error::new(ErrorKind::Batched)
                .with_detail(format!("{} events for a message that holds one", events.len()))),
        }
    }

    /// Reads `mode` and `format`. The error names the feature that the toolkit does not support.
    pub(crate) fn wanted(&self) -> Result<Wanted<'a>, String> {
        let text = |name| self.member(name).and_then(Json::as_str);
        let name = text("format").unwrap_or("json");
        let Some(format) = self.formats.iter().find(|known| known.id().as_str() == name) else {
            return Err(format!("there is no format `{name}`"));
        };
        let modes = text("via").and_then(cloudevents_vectors::Carrier::of).map(|carrier| &carrier.modes);
        match text("mode").or(modes.and_then(|modes| modes.first()).map(String::as_str)) {
            Some("binary") => Ok(Wanted::One(Mode::Binary)),
            Some("structured") => Ok(Wanted::One(Mode::Structured(format))),
            Some("batched") => Ok(Wanted::Batch(format)),
            mode => Err(format!("there is no mode `{}`", mode.unwrap_or_default())),
        }
    }

    /// Writes the event in a mode, or all of them as a batch, by these functions of a codec.
    pub(crate) fn written(
        &self,
        one: impl FnOnce(&Event, Mode<'_>) -> Result<(Json, Losses), Error>,
        batch: impl FnOnce(&Message) -> Result<Json, Error>,
    ) -> Written {
        Ok(match self.wanted() {
            Ok(Wanted::One(mode)) => Ok(one(self.one()?, mode)?),
            Ok(Wanted::Batch(format)) => {
                let (message, losses) = Message::batched(self.events, format)?;
                Ok((batch(&message)?, losses))
            }
            Err(unsupported) => Err(unsupported),
        })
    }

    /// Adds the address to the written message, if an option has it.
    pub(crate) fn addressed(&self, option: &str, written: Written) -> Written {
        let mut written = written?;
        if let (Ok((Json::Object(members), _)), Some(address)) = (&mut written, self.option(option)) {
            members.insert(option.into(), address.clone());
        }
        Ok(written)
    }
}
