//! The properties that are received with a message, and the capabilities of receivers.

use super::{
    Failure, Venue, Verdict,
    tools::{accept, ensure, event, next, number, receiver, settled, within},
};
use crate::{By, Carries, Delivery, Extends, Outgoing};
use cloudevents_core::{Document, ErrorKind, FormatId, Message};
use std::{collections::BTreeSet, time::Duration};
use tokio::time::{Instant, sleep};

const KEY: &[u8] = b"contract-key";
const HEADER: (&str, &str) = ("contract-trace", "00-1-2-01");
/// With a name that an attribute may have.
const PLAIN_HEADER: (&str, &str) = ("tenant", "north");

/// Key and headers sent with an event and with a document are shown, are not attributes, and are forwarded.
///
/// The body is also shown and forwarded.
pub async fn what_came_along_is_shown_and_forwarded(venue: &impl Venue) -> Result<Verdict, Failure> {
    const DOCUMENT: &str = r#"{"specversion":"1.0","id":"0","source":"/contract","type":"contract"}"#;
    let claims = venue.claims();
    let mut receiver = receiver(venue).await?;
    let sender = venue.sender().await?;
    let capabilities = sender.capabilities();
    let has_headers = capabilities.carries.contains(Carries::HEADERS);
    let has_key = capabilities.carries.contains(Carries::KEY);
    let document = Message::Structured(Document::new(FormatId::JSON, DOCUMENT));
    for message in [Message::from(event(0)?), document] {
        let is_document = matches!(message, Message::Structured(_));
        let headers = match (has_headers, capabilities.headers_apart || is_document) {
            (false, _) => &[][..],
            (true, false) => &[HEADER],
            (true, true) => &[HEADER, PLAIN_HEADER],
        };
        let mut outgoing = Outgoing::from(message.clone());
        if has_key {
            outgoing = outgoing.key(KEY);
        }
        for (name, value) in headers {
            outgoing = outgoing.header(*name, *value);
        }
        within(claims.patience, sender.send(outgoing)).await??;
        for round in ["sent", "forwarded"] {
            let delivery = next(&mut receiver, claims).await?;
            match &message {
                Message::Structured(document) => {
                    let body = delivery.body();
                    let is_same = body.as_deref() == Some(&**document.body()) || !claims.documents;
                    ensure!(is_same, "{round}: another document");
                }
                _ => {
                    let event = delivery.event()?;
                    let is_same = delivery.body().as_deref() == event.data_bytes().map(|body| &**body);
                    ensure!(!claims.binary || is_same, "{round}: another body");
                    let attribute = headers.iter().find(|(name, _)| event.attribute(name).is_some());
                    ensure!(attribute.is_none(), "{round}: {attribute:?} became an attribute");
                }
            }
            if has_key {
                ensure!(delivery.key().as_deref() == Some(KEY), "{round}: the key is {:?}", delivery.key());
            }
            for (name, value) in headers {
                let found = delivery.header_text(&name.to_ascii_uppercase());
                ensure!(
                    found.as_deref() == Some(*value),
                    "{round}: the header `{name}` is {found:?} of {delivery:?}"
                );
            }
            let forwarded = delivery.forward();
            let mut names: Vec<_> = forwarded.headers().map(|(name, _)| name).collect();
            names.sort_unstable();
            let expected: Vec<_> = headers.iter().map(|(name, _)| *name).collect();
            ensure!(names == expected, "{round}: these headers are forwarded: {names:?}");
            settled(delivery.accept(), claims).await?;
            if round == "sent" {
                within(claims.patience, sender.send(forwarded)).await??;
            }
        }
    }
    Ok(Verdict::Holds)
}

/// A delivery can be extended as the capabilities state, and settled after that.
pub async fn extending_is_what_the_capabilities_say(venue: &impl Venue) -> Result<Verdict, Failure> {
    let claims = venue.claims();
    let mut receiver = receiver(venue).await?;
    settled(venue.sender().await?.enqueue(event(0)?).await?, claims).await?;
    let delivery = next(&mut receiver, claims).await?;
    let extends = receiver.capabilities().extends;
    match (extends, delivery.extend()) {
        (Extends::Never, Err(error)) if error.kind() == ErrorKind::Unsupported => {}
        (Extends::NotNeeded | Extends::Every(_), Ok(())) => {}
        (_, extended) => return Err(Failure(format!("{extends:?}, and extending returned {extended:?}"))),
    }
    settled(delivery.accept(), claims).await?;
    Ok(Verdict::Holds)
}

/// Retries and releases work as the capabilities state.
///
/// If they do not state it, the settlement is an error, not a success.
pub async fn capabilities_are_kept(venue: &impl Venue) -> Result<Verdict, Failure> {
    let claims = venue.claims();
    let mut receiver = receiver(venue).await?;
    let can = receiver.capabilities();
    settled(venue.sender().await?.enqueue(event(0)?).await?, claims).await?;
    let first = next(&mut receiver, claims).await?;
    ensure!(first.is_redelivered() != Some(true), "the first delivery says that there was one before");
    let (attempt, since) = (first.attempt(), Instant::now());
    ensure!(attempt == 1, "the first attempt is called attempt {attempt}");
    match (can.redelivers, within(claims.patience, first.retry(claims.quiet)).await?) {
        (By::None, Err(error)) if error.kind() == ErrorKind::Unsupported => return Ok(Verdict::Holds),
        (By::None, other) => return Err(Failure(format!("{can:?}, and a retry returned {other:?}"))),
        (_, outcome) => outcome?,
    }
    let again = next(&mut receiver, claims).await?;
    if matches!(can.delays, By::Broker | By::Memory) {
        ensure!(since.elapsed() >= claims.quiet, "{can:?}, and it came again after {:?}", since.elapsed());
    }
    let expected = if can.counts == By::None { 1 } else { 2 };
    ensure!(again.attempt() == expected, "{can:?}, and the retry was attempt {}", again.attempt());
    ensure!(again.is_redelivered() != Some(false), "the retry says that there was no delivery before");
    settled(again.release(), claims).await?;
    let released = next(&mut receiver, claims).await?;
    let counted = released.attempt().saturating_sub(expected);
    ensure!(counted == u32::from(claims.releases_count), "releasing counted {counted} attempts");
    match (can.rejects, within(claims.patience, released.reject("the check rejects it")).await?) {
        (By::None, Err(error)) if error.kind() == ErrorKind::Unsupported => {
            accept(&mut receiver, claims).await?;
        }
        (By::None, other) => return Err(Failure(format!("{can:?}, and rejecting returned {other:?}"))),
        (_, outcome) => outcome?,
    }
    Ok(Verdict::Holds)
}

/// A broker that stops and starts while messages are sent and received loses none, and `next` does not fail.
pub async fn a_receiver_outlives_its_broker(venue: &impl Venue) -> Result<Verdict, Failure> {
    const COUNT: usize = 200;
    let claims = venue.claims();
    let mut receiver = receiver(venue).await?;
    let sender = venue.sender().await?;
    let sending = async {
        for number in 0..COUNT {
            if number == COUNT / 4 {
                match venue.interrupt().await {
                    Err(error) if error.kind() == ErrorKind::Unsupported => return Ok(false),
                    interrupted => interrupted?,
                }
            }
            // A failed message may have arrived.
            while sender.send(event(number)?).await.is_err() {
                sleep(Duration::from_millis(10)).await;
            }
        }
        Ok::<_, Failure>(true)
    };
    let receiving = async {
        let mut seen = BTreeSet::new();
        while seen.len() < COUNT {
            let Some(delivery) = receiver.next().await? else {
                return Err(Failure("the receiver ended".into()));
            };
            seen.insert(number(&delivery)?);
            settle_if_possible(delivery).await;
        }
        Ok::<_, Failure>(())
    };
    let both = async {
        let (mut sending, mut receiving) = (Box::pin(sending), Box::pin(receiving));
        tokio::select! {
            interrupted = &mut sending => match interrupted? {
                true => receiving.await.map(|()| Verdict::Holds),
                false => Ok(Verdict::NotClaimed),
            },
            received = &mut receiving => {
                received?;
                sending.await.map(|_| Verdict::Holds)
            }
        }
    };
    within(claims.patience, both).await?
}

/// Deliveries of a lost connection can no longer be settled, and their messages are delivered again.
async fn settle_if_possible(delivery: Delivery) {
    let _ = delivery.accept().await;
}
