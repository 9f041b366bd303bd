//! `encode` and `transcode`: events to a message.

use super::{
    Answer,
    carrier::{Carrier, encode_row, formats, id},
    decode,
};
use crate::tagged::{self, malformed};
use cloudevents_core::{Error, ErrorKind, Event, Format, Formats, Losses, Message, Mode, Peer};
use serde_json::{Value as Json, json};

pub(crate) fn encode(request: &Json) -> Result<Answer, Error> {
    let events =
        request.get("events").and_then(Json::as_array).ok_or_else(|| malformed("there are no events"))?;
    // The same rule for the place of a mistake as in decoding: in a batch, the index.
    let batch = events.len() > 1 || request.get("mode").and_then(Json::as_str) == Some("batched");
    let place = |index, error: Error| if batch { error.with_index(index) } else { error };
    let events: Vec<Event> = events
        .iter()
        .enumerate()
        .map(|(index, event)| tagged::to_event(event).map_err(|error| place(index, error)))
        .collect::<Result<_, _>>()?;
    Ok(match write(request, &events)? {
        Ok((message, losses)) => Answer::Result(with_losses(message, &losses)),
        Err(unsupported) => Answer::Unsupported(unsupported),
    })
}

pub(crate) fn transcode(request: &Json) -> Result<Answer, Error> {
    let side = |name| request.get(name).ok_or_else(|| malformed(format!("there is no `{name}`")));
    let came = match decode::read(side("from")?)? {
        Ok(came) => came,
        Err(unsupported) => return Ok(Answer::Unsupported(unsupported)),
    };
    let mut to = side("to")?.clone();
    if let (Some(members), Some(spec)) = (to.as_object_mut(), request.get("spec")) {
        members.insert("spec".into(), spec.clone());
    }
    Ok(match write(&to, &came.events.value)? {
        Ok((message, losses)) => {
            if request.get("exact").and_then(Json::as_bool) == Some(true) {
                let _ = losses.clone().keep_meaning()?;
            }
            Answer::Result(with_losses(message, &losses))
        }
        Err(unsupported) => Answer::Unsupported(unsupported),
    })
}

fn with_losses(message: Json, losses: &Losses) -> Json {
    let losses: Vec<Json> = losses
        .iter()
        .map(|loss| json!({"at": loss.at(), "kind": loss.kind(), "class": loss.class().as_str()}))
        .collect();
    json!({"message": message, "losses": losses})
}

/// A message, and its losses. The inner error names the feature that the toolkit does not support.
pub(crate) type Written = Result<Result<(Json, Losses), String>, Error>;

/// Writes events to the carrier that `to` names.
fn write(to: &Json, events: &[Event]) -> Written {
    let text = |name| to.get(name).and_then(Json::as_str);
    let via = text("via").unwrap_or_default();
    let Some(carrier) = Carrier::of(via) else { return Ok(Err(format!("there is no carrier `{via}`"))) };
    let mut options =
        to.get("options").and_then(Json::as_object).into_iter().flat_map(|options| options.keys());
    if let Some(option) = options.find(|option| !carrier.options().contains(&option.as_str())) {
        return Ok(Err(format!("there is no option `{option}` for `{via}`")));
    }
    let formats = formats();
    let to = To { request: to, events, formats: &formats };
    let mut body = Vec::new();
    let losses = match carrier {
        Carrier::Single(format) => formats.require(&id(format))?.encode(to.one()?, &mut body)?,
        Carrier::Batch(format) => formats.require(&id(format))?.encode_batch(events.into(), &mut body)?,
        Carrier::Bound(codec) => return (codec.encode)(&to),
        Carrier::Row(row) => return encode_row(row, &to),
    };
    Ok(Ok((json!({"body": tagged::from_bytes(&body)}), losses)))
}

/// Events, and how they are to be written.
pub(crate) struct To<'a> {
    request: &'a Json,
    pub(crate) events: &'a [Event],
    formats: &'a Formats,
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
