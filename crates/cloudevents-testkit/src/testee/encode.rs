//! `encode` and `transcode`: events to a message.

use super::{
    Answer,
    carrier::{Carrier, encode_row, formats, id},
    decode,
    to::{To, Written},
};
use crate::tagged::{self, malformed};
use cloudevents_core::{Error, Event, Losses};
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
