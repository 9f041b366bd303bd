//! `sql` and `filter`: expressions and filters held against one event.

use super::Answer;
use crate::tagged::{self, malformed};
use cloudevents_core::{Error, Event};
use cloudevents_sql::{Expression, Value};
use cloudevents_subscriptions::Filters;
use serde_json::{Value as Json, json};

pub(crate) fn sql(request: &Json) -> Result<Answer, Error> {
    let text = request
        .get("expression")
        .and_then(Json::as_str)
        .ok_or_else(|| malformed("there is no expression"))?;
    let event = match request.get("event") {
        Some(event) => tagged::to_event(event)?,
        None => any_event()?,
    };
    let expression = match Expression::parse(text) {
        Ok(expression) => expression,
        Err(error) => return Ok(Answer::Declined("parse", error.to_string())),
    };
    let evaluation = expression.evaluate(&event);
    let value = match &evaluation.value {
        Value::Boolean(boolean) => json!({"type": "Boolean", "value": boolean}),
        Value::Integer(number) => json!({"type": "Integer", "value": number}),
        Value::String(text) => json!({"type": "String", "value": text}),
    };
    Ok(Answer::Result(match evaluation.errors.first() {
        Some(error) => json!({"value": value, "error": error.kind().code()}),
        None => json!({"value": value}),
    }))
}

pub(crate) fn filter(request: &Json) -> Result<Answer, Error> {
    let filters = request.get("filters").ok_or_else(|| malformed("there are no filters"))?;
    let event = tagged::to_event(request.get("event").ok_or_else(|| malformed("there is no event"))?)?;
    Ok(match Filters::parse(filters.to_string()) {
        Ok(filters) => Answer::Result(json!({"match": filters.matches(&event)})),
        Err(error) => Answer::Declined("invalid-filter", error.to_string()),
    })
}

/// The event of requests that name none: which one it is makes no difference to them.
fn any_event() -> Result<Event, Error> {
    tagged::to_event(&json!({"specversion": "1.0", "attributes": {
        "id": {"type": "String", "value": "1"},
        "source": {"type": "URI-reference", "value": "/"},
        "type": {"type": "String", "value": "t"},
    }}))
}
