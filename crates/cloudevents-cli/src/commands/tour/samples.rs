//! The sample events.

use crate::failure::{Failure, Status};
use cloudevents_conformance::vectors::samples;
use cloudevents_kit::{AttributeType, Event, json::JsonBuilderExt};
use cloudevents_testkit::tagged;
use serde_json::Value;

/// An event or a batch, with a name and a title.
pub(crate) struct Sample {
    pub(crate) name: String,
    pub(crate) title: String,
    pub(crate) events: Vec<Event>,
}

/// The event that the tour shows: text outside ASCII, a number, and times with an offset from UTC.
pub(crate) fn of_the_tour() -> Result<Event, Failure> {
    let mut scratch = Vec::new();
    let expiry = AttributeType::Timestamp.parse("2026-05-18T08:15:30+02:00", &mut scratch);
    let builder = Event::builder()
        .id("A-117")
        .source("https://shop.example/orders")
        .ty("com.example.order.placed")
        .subject("café")
        .time("2026-05-17T08:15:30Z")
        .extension("priority", 3);
    let builder = match expiry {
        Ok(expiry) => builder.extension("expirytime", expiry),
        Err(error) => builder.mistake(error),
    };
    builder
        .json(&serde_json::json!({"total": 42}))
        .build()
        .map_err(|error| Failure::new(Status::No, format!("the event of the tour is invalid: {error}")))
}

/// All sample events.
pub(crate) fn load() -> Result<Vec<Sample>, Failure> {
    let mut all = Vec::new();
    // The most interesting samples come first.
    let mut files: Vec<_> = samples().collect();
    files.sort_by_key(|(path, _)| *path != "events.json");
    for (path, text) in files {
        let wrong = |what: &dyn std::fmt::Display| {
            Failure::usage(format!("the samples of {path} cannot be read: {what}"))
        };
        let list: Vec<Value> = serde_json::from_str(text).map_err(|error| wrong(&error))?;
        for sample in list {
            let text = |name: &str| sample.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
            let single = sample.get("event").into_iter();
            let batch = sample.get("events").and_then(Value::as_array).into_iter().flatten();
            let events = single.chain(batch).map(tagged::to_event).collect::<Result<_, _>>();
            all.push(Sample {
                name: text("name"),
                title: text("title"),
                events: events.map_err(|error| wrong(&error))?,
            });
        }
    }
    Ok(all)
}
