//! Carries the samples along one leg.

use super::{compare::Compared, guide::Guide, legs::Leg, route::Route, samples::Sample};
use crate::failure::Failure;
use bytes::Bytes;
use cloudevents_kit::{ContentMode, Delivery, Event, Format, Formats, Message, transport::Received};
use std::time::{Duration, Instant};

/// The results of a leg.
pub(super) struct Walked {
    pub(super) leg: Leg,
    pub(super) messages: usize,
    pub(super) events: usize,
    pub(super) same: usize,
    pub(super) bytes: usize,
    pub(super) elapsed: Duration,
    /// The number of attributes that came back with another type.
    pub(super) types: usize,
    /// Whether anything came back different.
    pub(super) differs: bool,
}

/// Sends every sample along the leg, and compares the received events.
pub(super) async fn walk(
    leg: Leg,
    samples: &[Sample],
    routes: &mut [Route],
    formats: &Formats,
    guide: &mut Guide,
) -> Result<Walked, Failure> {
    guide.leg(&leg)?;
    let format =
        leg.format.as_deref().and_then(|name| formats.iter().find(|format| format.id().as_str() == name));
    let begin = Instant::now();
    let mut walked = Walked {
        leg,
        messages: 0,
        events: 0,
        same: 0,
        bytes: 0,
        elapsed: Duration::ZERO,
        types: 0,
        differs: false,
    };
    for sample in samples {
        let batched = walked.leg.mode == ContentMode::Batched;
        let messages: Vec<&[Event]> =
            if batched { vec![&sample.events] } else { sample.events.chunks(1).collect() };
        // The first few of many small events are enough.
        let some = if batched { 1 } else { 3 };
        let mut compared = Compared::default();
        let mut sent = 0_usize;
        for (number, events) in messages.iter().take(some).enumerate() {
            let message = message(events, format, &walked.leg)?;
            let sent_as = document(&message).cloned();
            let (delivery, raws) = along(message, &walked.leg.stops, routes).await?;
            if number == 0 && guide.shows_wire() {
                let stops = walked.leg.stops.iter().filter_map(|stop| routes.get(*stop));
                let on_the_wire = stops.zip(&raws).map(|(route, raw)| ((route.binding.head)(raw), raw));
                guide.wire(sample, on_the_wire)?;
            }
            walked.messages = walked.messages.saturating_add(1);
            walked.bytes = raws.iter().map(Received::size).fold(walked.bytes, usize::saturating_add);
            match delivery.events() {
                Ok(received) => compared.all(events, &received, format),
                Err(error) => compared.refused(&error, events.len()),
            }
            if sent_as.as_ref() != delivery.message().ok().and_then(document) {
                compared.rewritten(events.len());
            }
            sent = sent.saturating_add(events.len());
            // The sender already has the response.
            drop(delivery.accept());
        }
        walked.events = walked.events.saturating_add(sent);
        walked.same = walked.same.saturating_add(compared.same);
        walked.differs |= !compared.differences.is_empty();
        walked.types = walked.types.saturating_add(compared.types.len());
        guide.sample(&walked.leg, sample, sent, &compared)?;
    }
    walked.elapsed = begin.elapsed();
    Ok(walked)
}

fn message(events: &[Event], format: Option<&dyn Format>, leg: &Leg) -> Result<Message, Failure> {
    let message = match (leg.mode, format, events) {
        (ContentMode::Structured, Some(format), [event]) => {
            Message::structured(event, format).map(|(message, _)| message)
        }
        (ContentMode::Batched, Some(format), events) => {
            Message::batched(events, format).map(|(message, _)| message)
        }
        (_, _, [event]) => Ok(Message::Binary(event.clone())),
        _ => return Err(Failure::usage("a message of this mode holds one event")),
    };
    Ok(match message.map_err(Route::failed)? {
        // Leading white space that no encoder writes reveals decoding and encoding on the way.
        Message::Structured(document) if leg.is_relay() => {
            let body = [b"\n ", &**document.body()].concat();
            Message::Structured(document.with_body(body))
        }
        message => message,
    })
}

/// Carries a message from stop to stop without decoding documents or reading payloads. Returns the delivery
/// of the last stop, and the message on the wire at each stop.
async fn along(
    mut message: Message,
    stops: &[usize],
    routes: &mut [Route],
) -> Result<(Delivery, Vec<Received>), Failure> {
    let mut raws = Vec::new();
    loop {
        let stop = stops.get(raws.len()).and_then(|stop| routes.get_mut(*stop));
        let Some(route) = stop else { return Err(Failure::usage("a leg leads nowhere")) };
        let delivery = route.carry(message).await?;
        raws.push(delivery.received().clone());
        if raws.len() == stops.len() {
            return Ok((delivery, raws));
        }
        message = delivery.message().map_err(Route::failed)?.clone();
        drop(delivery.accept());
    }
}

/// Returns the document of a structured or batched message.
fn document(message: &Message) -> Option<&Bytes> {
    match message {
        Message::Structured(document) | Message::Batched(document) => Some(document.body()),
        _ => None,
    }
}
