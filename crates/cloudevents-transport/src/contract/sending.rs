//! Sent messages arrive.

use super::{
    Failure, Venue, Verdict,
    tools::{accept, each_once, ensure, event, events, next, number, receiver, settled, within},
};
use cloudevents_core::{Document, ErrorKind, FormatId, Message};
use futures_util::future::join;

/// Every event arrives once, with its attributes and its payload.
pub async fn everything_arrives(venue: &impl Venue) -> Result<Verdict, Failure> {
    let claims = venue.claims();
    let mut receiver = receiver(venue).await?;
    let (sender, sent) = (venue.sender().await?, events(20)?);
    within(claims.patience, sender.send_all(sent.iter().cloned())).await??;
    let mut seen = Vec::new();
    for _ in &sent {
        let delivery = next(&mut receiver, claims).await?;
        let (number, event) = (number(&delivery)?, delivery.event()?);
        let original = sent.get(number).ok_or_else(|| Failure(format!("event {number} was never sent")))?;
        ensure!(
            event.source() == original.source() && event.ty() == original.ty(),
            "{event:?} was {original:?}"
        );
        ensure!(event.data_bytes() == original.data_bytes(), "the payload of event {number} is another");
        ensure!(
            event.attribute("partitionkey").map(|key| key.to_string()).as_deref() == Some("one"),
            "event {number} lost its extension attribute"
        );
        seen.push(number);
        settled(delivery.accept(), claims).await?;
    }
    each_once(&seen, sent.len())?;
    let metrics = sender.metrics();
    ensure!(metrics.sent == 20 && metrics.failed == 0, "the sender counted {metrics}");
    let metrics = receiver.metrics();
    ensure!(metrics.received == 20 && metrics.accepted == 20, "the receiver counted {metrics}");
    Ok(Verdict::Holds)
}

/// Events with the same key arrive in the order of sending.
pub async fn order_is_kept(venue: &impl Venue) -> Result<Verdict, Failure> {
    let claims = venue.claims();
    if !claims.order {
        return Ok(Verdict::NotClaimed);
    }
    let mut receiver = receiver(venue).await?;
    within(claims.patience, venue.sender().await?.send_all(events(50)?)).await??;
    for expected in 0..50 {
        let number = accept(&mut receiver, claims).await?;
        ensure!(number == expected, "event {number} came where {expected} was to come");
    }
    Ok(Verdict::Holds)
}

/// A document arrives byte for byte.
pub async fn documents_arrive_untouched(venue: &impl Venue) -> Result<Verdict, Failure> {
    const DOCUMENT: &[u8] =
        br#"{ "specversion":"1.0",  "id":"0","source":"/contract", "type":"contract","data":1.00 }"#;
    let claims = venue.claims();
    if !claims.documents {
        return Ok(Verdict::NotClaimed);
    }
    let mut receiver = receiver(venue).await?;
    let message = Message::Structured(Document::new(FormatId::JSON, DOCUMENT));
    settled(venue.sender().await?.send(message), claims).await?;
    let delivery = next(&mut receiver, claims).await?;
    match delivery.message()? {
        Message::Structured(document) => {
            let (format, body) = (document.format(), document.body());
            ensure!(*format == FormatId::JSON && body == DOCUMENT, "the document is another: {body:?}");
        }
        other => return Err(Failure(format!("a structured message came in {} mode", other.mode().as_str()))),
    }
    settled(delivery.accept(), claims).await?;
    Ok(Verdict::Holds)
}

/// A thousand messages are sent before any is confirmed, held before any is settled, and settled in reverse order.
pub async fn a_thousand_in_flight(venue: &impl Venue) -> Result<Verdict, Failure> {
    const MANY: usize = 1000;
    let claims = venue.claims();
    let mut receiver = receiver(venue).await?;
    let sender = venue.sender().await?;
    let sending = within(claims.patience, sender.send_all(events(MANY)?));
    let receiving = async {
        let mut held = Vec::with_capacity(MANY);
        while held.len() < MANY {
            held.push(next(&mut receiver, claims).await?);
        }
        Ok::<_, Failure>(held)
    };
    let (sent, received) = join(sending, receiving).await;
    sent??;
    let mut held = received?;
    ensure!(receiver.in_flight().used().messages == MANY, "{:?}", receiver.in_flight());
    let mut seen = Vec::with_capacity(MANY);
    let mut outcomes = Vec::with_capacity(MANY);
    while let Some(delivery) = held.pop() {
        seen.push(number(&delivery)?);
        outcomes.push(delivery.accept());
    }
    for outcome in outcomes {
        settled(outcome, claims).await?;
    }
    each_once(&seen, MANY)?;
    ensure!(receiver.in_flight().used().messages == 0, "{:?}", receiver.in_flight());
    Ok(Verdict::Holds)
}

/// A sender that was closed, directly or through a clone, has sent its messages, and declines more.
pub async fn a_closed_sender_declines(venue: &impl Venue) -> Result<Verdict, Failure> {
    let claims = venue.claims();
    let mut receiver = receiver(venue).await?;
    let sender = venue.sender().await?;
    drop(within(claims.patience, sender.enqueue(event(0)?)).await??);
    settled(sender.clone().close(), claims).await?;
    match within(claims.patience, sender.send(&event(1)?)).await? {
        Err(error) if error.kind() == ErrorKind::Closed => {}
        other => return Err(Failure(format!("a closed sender answered {other:?}"))),
    }
    let number = accept(&mut receiver, claims).await?;
    ensure!(number == 0, "event {number} came where 0 was to come");
    Ok(Verdict::Holds)
}
