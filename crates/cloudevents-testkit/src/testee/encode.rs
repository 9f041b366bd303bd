//! `encode` and `transcode`: events to a message.

use super::{
    Answer, amqp_message,
    carrier::{Carrier, formats, id},
    decode, http_message, kafka_record, mqtt_message, nats_message, rabbitmq_message, websockets_message,
};
use crate::tagged::{self, malformed};
use cloudevents_core::{Error, ErrorKind, Event, Format, Formats, Losses, Mode, Peer};
use http::HeaderMap;
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

/// Writes events to what `to` names. The inner error names what the toolkit does not support.
fn write(to: &Json, events: &[Event]) -> Result<Result<(Json, Losses), String>, Error> {
    let text = |name| to.get(name).and_then(Json::as_str);
    let via = text("via").unwrap_or_default();
    let Some(carrier) = Carrier::of(via) else { return Ok(Err(format!("there is no carrier `{via}`"))) };
    let mut options =
        to.get("options").and_then(Json::as_object).into_iter().flat_map(|options| options.keys());
    if let Some(option) = options.find(|option| !carrier.options().contains(&option.as_str())) {
        return Ok(Err(format!("there is no option `{option}` for `{via}`")));
    }
    let formats = formats();
    let mut body = Vec::new();
    Ok(match carrier {
        Carrier::Single(format) => {
            let losses = formats.require(&id(format))?.encode(one(events)?, &mut body)?;
            Ok((json!({"body": tagged::from_bytes(&body)}), losses))
        }
        Carrier::Batch(format) => {
            let losses = formats.require(&id(format))?.encode_batch(events.into(), &mut body)?;
            Ok((json!({"body": tagged::from_bytes(&body)}), losses))
        }
        Carrier::Http => {
            let mut headers = HeaderMap::new();
            let (body, losses) = match wanted(to, &formats, "binary") {
                Ok(Wanted::One(mode)) => {
                    let with = cloudevents_http::Encoding::new(mode);
                    let with = peer(to)?.map_or(with, |peer| with.for_peer(peer));
                    cloudevents_http::encode(one(events)?, with, &mut headers)?
                }
                Ok(Wanted::Batch(format)) => cloudevents_http::encode_batch(events, format, &mut headers)?,
                Err(unsupported) => return Ok(Err(unsupported)),
            };
            Ok((http_message::write(&headers, &body), losses))
        }
        Carrier::Amqp => return amqp_message::write(to, events, &formats),
        Carrier::Kafka => return kafka_record::write(to, events, &formats),
        Carrier::Mqtt(version) => {
            return Ok(mqtt_message::write(to, events, &formats, version)?.map(addressed(to, "topic")));
        }
        Carrier::Nats => {
            return Ok(nats_message::write(to, events, &formats)?.map(addressed(to, "subject")));
        }
        Carrier::Rabbitmq => return rabbitmq_message::write(to, events, &formats),
        Carrier::Websockets => return websockets_message::write(to, events, formats),
    })
}

/// The peer that the options of `to` name, whose dialect is written.
pub(crate) fn peer(to: &Json) -> Result<Option<Peer>, Error> {
    let named = option(to, "peer").and_then(Json::as_str);
    named.map(|name| name.parse().map_err(|_| malformed("there is no such peer"))).transpose()
}

/// An option of writing.
pub(crate) fn option<'a>(to: &'a Json, name: &str) -> Option<&'a Json> {
    to.get("options").and_then(|options| options.get(name))
}

/// Adds the address to a message, if the options of `to` have it.
fn addressed(to: &Json, option: &'static str) -> impl FnOnce((Json, Losses)) -> (Json, Losses) {
    let address = self::option(to, option).cloned();
    move |(mut message, losses)| {
        if let (Some(members), Some(address)) = (message.as_object_mut(), address) {
            members.insert(option.into(), address);
        }
        (message, losses)
    }
}

/// What `to` names: one event in a mode, or a batch in a format.
pub(crate) enum Wanted<'f> {
    One(Mode<'f>),
    Batch(&'f dyn Format),
}

/// Reads `mode` and `format` of `to`. The error names what the toolkit does not support.
pub(crate) fn wanted<'f>(to: &Json, formats: &'f Formats, otherwise: &str) -> Result<Wanted<'f>, String> {
    let text = |name| to.get(name).and_then(Json::as_str);
    let name = text("format").unwrap_or("json");
    let Some(format) = formats.iter().find(|known| known.id().as_str() == name) else {
        return Err(format!("there is no format `{name}`"));
    };
    match text("mode").unwrap_or(otherwise) {
        "binary" => Ok(Wanted::One(Mode::Binary)),
        "structured" => Ok(Wanted::One(Mode::Structured(format))),
        "batched" => Ok(Wanted::Batch(format)),
        mode => Err(format!("there is no mode `{mode}`")),
    }
}

pub(crate) fn one(events: &[Event]) -> Result<&Event, Error> {
    match events {
        [event] => Ok(event),
        _ => Err(Error::new(ErrorKind::Batched)
            .with_detail(format!("{} events for a message that holds one", events.len()))),
    }
}
