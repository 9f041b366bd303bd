//! `parse`, `name` and `upgrade`: operations on values and events alone.

use super::Answer;
use crate::tagged::{self, malformed};
use cloudevents_core::{AttributeType, Error, Name};
use serde_json::{Value as Json, json};

pub(crate) fn parse(request: &Json) -> Result<Answer, Error> {
    let ty = request.get("type").and_then(Json::as_str).unwrap_or_default();
    let Some(ty) = AttributeType::from_name(ty) else {
        return Ok(Answer::Unsupported(format!("there is no attribute type `{ty}`")));
    };
    let mut scratch = Vec::new();
    let value = ty.parse(text(request)?, &mut scratch)?;
    Ok(Answer::Result(json!({"value": tagged::bare(value), "canonical": value.to_canonical()})))
}

pub(crate) fn name(request: &Json) -> Result<Answer, Error> {
    Ok(Answer::Result(json!({"name": Name::parse(text(request)?)?.as_str()})))
}

pub(crate) fn upgrade(request: &Json) -> Result<Answer, Error> {
    let event = request.get("event").ok_or_else(|| malformed("there is no event"))?;
    let upgraded = tagged::to_event(event)?.upgrade()?;
    Ok(Answer::Result(json!({"event": tagged::from_event(&upgraded)})))
}

fn text(request: &Json) -> Result<&str, Error> {
    request.get("text").and_then(Json::as_str).ok_or_else(|| malformed("there is no text"))
}
