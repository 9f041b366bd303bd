//! Rows of selecting: expressions of CESQL, and the index of filters.

use crate::{
    allocations,
    inputs::Source,
    row::{Failure, Row, run},
};
use cloudevents_core::{DecodeOptions, Document, Event, FormatId, Formats, Message};
use cloudevents_sql::Expression;
use cloudevents_subscriptions::{Filter, FilterIndex, Filters};
use std::{hint::black_box, rc::Rc};

const TYPICAL: &str = "type LIKE 'com.example.%' AND subject = 'x' AND EXISTS priority";

/// The row of this name, if it is one of these.
pub(crate) fn row(input: &str, direction: &str, source: &Source) -> Option<Result<Row, Failure>> {
    Some(match (input, direction) {
        ("cesql-typical", "evaluate") => evaluate(),
        ("cesql-typical", "parse") => parse(),
        ("cesql-medium", "look-up") => look_up(source),
        ("filters-100000", "match") => index(),
        _ => return None,
    })
}

/// The peer is code that a program would write by hand.
fn evaluate() -> Result<Row, Failure> {
    let expression = Expression::parse(TYPICAL)?;
    let event = Rc::new(
        Event::builder()
            .id("1")
            .source("/s")
            .ty("com.example.t")
            .subject("x")
            .extension("priority", 3)
            .build()?,
    );
    let calls = allocations::of(|| expression.matches(&event)).calls;
    let peer = event.clone();
    Ok(Row {
        per: 1,
        ours: run(move || expression.matches(black_box(&event))),
        peer: run(move || {
            let event = black_box(&peer);
            event.ty().starts_with("com.example.")
                && event.subject() == Some("x")
                && event.attribute("priority").is_some()
        }),
        peer_extra: None,
        floors: Vec::new(),
        promise: if calls == 0 {
            Ok("allocates nothing")
        } else {
            Err(format!("allocates nothing: {calls}"))
        },
    })
}

/// The peer parses the nearest thing in JSON.
fn parse() -> Result<Row, Failure> {
    const JSON: &str =
        r#"[{"prefix": {"type": "com.example."}}, {"exact": {"subject": "x"}}, {"sql": "EXISTS priority"}]"#;
    Ok(Row {
        per: 1,
        ours: run(|| Expression::parse(black_box(TYPICAL))),
        peer: run(|| serde_json::from_str::<serde_json::Value>(black_box(JSON))),
        peer_extra: None,
        floors: Vec::new(),
        promise: Ok(""),
    })
}

/// A filter on a structured message that is not decoded. The peer decodes it.
fn look_up(source: &Source) -> Result<Row, Failure> {
    let document = source.document("json-medium")?;
    let event = cloudevents_json::decode(document.clone())?;
    let expression = Expression::parse("type LIKE 'com.%' AND EXISTS subject")?;
    let with = DecodeOptions::strict().with_formats(Formats::none().with(cloudevents_json::Json::new()));
    let message = Message::Structured(Document::new(FormatId::JSON, document.clone()));
    let same = expression.matches_message(&message, &with)? == expression.matches(&event);
    Ok(Row {
        per: 1,
        ours: run(move || expression.matches_message(black_box(&message), &with)),
        peer: run(move || cloudevents_json::decode(black_box(&document).clone())),
        peer_extra: None,
        floors: Vec::new(),
        promise: if same { Ok("as for the event") } else { Err("another answer than for the event".into()) },
    })
}

/// The subscriptions, of 100,000, that an event passes. Half of them have an exact type. The others have two exact attributes, a prefix, a
/// suffix or an expression. The peer evaluates all.
fn index() -> Result<Row, Failure> {
    let mut index = FilterIndex::new();
    let mut naive = Vec::new();
    for i in 0..100_000_u32 {
        let filters: Filters = match i % 20 {
            0..=9 => Filter::exact([("type", format!("com.example.type{}", i % 5000))])?.into(),
            10..=12 => [("source", "/shop".to_owned()), ("tenant", format!("t{}", i % 3000))]
                .into_iter()
                .map(|condition| Filter::exact([condition]))
                .collect::<Result<_, _>>()?,
            13..=15 => Filter::prefix([("subject", format!("orders/{i}/"))])?.into(),
            16..=17 => Filter::suffix([("type", format!(".v{i}"))])?.into(),
            _ => Filter::Sql(format!("type LIKE 'com.example.dept{i}.%' AND priority > {}", i % 10).parse()?)
                .into(),
        };
        index.insert(i, filters.clone());
        naive.push(filters);
    }
    let event = Event::builder()
        .id("1")
        .source("/shop")
        .ty("com.example.type70")
        .subject("orders/13/x")
        .extension("tenant", "t10")
        .extension("priority", 3)
        .build()?;
    let event = Rc::new(event);
    let same = index.matches(&event).len() == naive.iter().filter(|filters| filters.matches(&event)).count();
    let peer = event.clone();
    Ok(Row {
        per: 1,
        ours: run(move || {
            let mut found = 0;
            index.for_each_match(black_box(&event), |_| found += 1);
            found
        }),
        peer: run(move || naive.iter().filter(|filters| filters.matches(black_box(&peer))).count()),
        peer_extra: None,
        floors: Vec::new(),
        promise: if same {
            Ok("finds what the loop finds")
        } else {
            Err("finds something else than the loop".into())
        },
    })
}
