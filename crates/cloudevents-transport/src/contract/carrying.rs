//! The properties that are sent with a message, and the capabilities of senders.

use super::{
    Failure, Venue, Verdict,
    tools::{accept, ensure, event, event_with, next, number, receiver, settled, within},
};
use crate::{Carries, Outgoing};
use cloudevents_core::{DecodeOptions, Document, ErrorKind, FormatId, Message};
use futures_util::FutureExt;
use std::time::Duration;

/// Binary and structured messages arrive, including documents of unknown formats, unless the sender has to read them.
///
/// A batch arrives if the sender claims that, and is otherwise an error that blocks nothing.
pub async fn every_mode_arrives_or_is_refused(venue: &impl Venue) -> Result<Verdict, Failure> {
    const JSON: &str = r#"{"specversion":"1.0","id":"0","source":"/contract","type":"contract"}"#;
    let claims = venue.claims();
    let mut receiver = receiver(venue).await?;
    let sender = venue.sender().await?;
    let batch = Message::Batched(Document::new(FormatId::JSON, format!("[{JSON}]")));
    let messages = [
        Message::Structured(Document::new(FormatId::JSON, JSON)),
        Message::Structured(Document::new(FormatId::new("unknown"), "id = 1")),
        batch,
        Message::from(event(0)?),
    ];
    for message in messages {
        let sent = within(claims.patience, sender.send(&message)).await?;
        if matches!(message, Message::Batched(_)) && !sender.capabilities().batches {
            let kind = sent.as_ref().err().map(cloudevents_core::Error::kind);
            ensure!(kind == Some(ErrorKind::Unsupported), "a batch that cannot be sent: {sent:?}");
            continue;
        }
        if !claims.any_format
            && matches!(&message, Message::Structured(document) if *document.format() != FormatId::JSON)
        {
            let kind = sent.as_ref().err().map(cloudevents_core::Error::kind);
            ensure!(kind == Some(ErrorKind::Unsupported), "a format that cannot be sent: {sent:?}");
            continue;
        }
        // A sender that looks up a key in documents cannot do so in all of them.
        if sent.as_ref().is_err_and(|error| error.kind() == ErrorKind::UnknownFormat) {
            continue;
        }
        sent?;
        let delivery = next(&mut receiver, claims).await?;
        let arrived = delivery.message()?;
        if let Some(again) = delivery.origin().decode_message(&DecodeOptions::strict()) {
            let again = again?.value;
            ensure!(
                again.mode() == arrived.mode(),
                "decoded again, it is a {} message",
                again.mode().as_str()
            );
        }
        match (&message, arrived) {
            (Message::Binary(sent), Message::Binary(arrived)) => {
                ensure!(sent.id() == arrived.id(), "{arrived:?}")
            }
            (Message::Structured(sent), Message::Structured(arrived))
            | (Message::Batched(sent), Message::Batched(arrived)) => {
                let is_same = sent.body() == arrived.body() || !claims.documents;
                ensure!(
                    sent.format() == arrived.format() && is_same,
                    "the document of {} is another",
                    sent.format()
                );
            }
            (Message::Binary(sent), Message::Structured(_)) if !claims.binary => {
                let arrived = delivery.event()?;
                ensure!(sent.id() == arrived.id(), "{arrived:?}");
            }
            (sent, arrived) => {
                let modes = (sent.mode().as_str(), arrived.mode().as_str());
                return Err(Failure(format!("a {} message arrived as a {} one", modes.0, modes.1)));
            }
        }
        settled(delivery.accept(), claims).await?;
    }
    Ok(Verdict::Holds)
}

/// Receipts name the position at which the message is found. A sender that does not claim receipts returns none.
pub async fn receipts_say_where(venue: &impl Venue) -> Result<Verdict, Failure> {
    let claims = venue.claims();
    let mut receiver = receiver(venue).await?;
    let sender = venue.sender().await?;
    for number in 0..3 {
        let receipt = settled(sender.send(&event(number)?), claims).await?;
        let delivery = next(&mut receiver, claims).await?;
        let claimed = sender.capabilities().receipts;
        ensure!(receipt.offset().is_some() == claimed, "{receipt:?}, where `receipts` is {claimed}");
        if claimed {
            ensure!(receipt.offset() == delivery.offset(), "{receipt:?} of {:?}", delivery.offset());
            let partition = delivery.partition().map(crate::Partition::number);
            ensure!(receipt.partition() == partition, "{receipt:?} of {partition:?}");
        }
        settled(delivery.accept(), claims).await?;
    }
    Ok(if sender.capabilities().receipts { Verdict::Holds } else { Verdict::NotClaimed })
}

/// Key, headers, reply address and correlation arrive if the sender claims to carry them.
///
/// Otherwise the message is refused, and not sent.
pub async fn what_goes_along_arrives_or_is_refused(venue: &impl Venue) -> Result<Verdict, Failure> {
    let claims = venue.claims();
    let mut receiver = receiver(venue).await?;
    let sender = venue.sender().await?;
    let outgoing = || Ok::<_, Failure>(Outgoing::from(event(0)?));
    let all = [
        (Carries::KEY, outgoing()?.key("k")),
        (Carries::HEADERS, outgoing()?.header("x-contract", "h")),
        (Carries::REPLY_TO, outgoing()?.reply_to("answers")),
        (Carries::CORRELATION, outgoing()?.correlation("c")),
        (Carries::PRIORITY, outgoing()?.priority(9)),
        (Carries::EXPIRY, outgoing()?.expires_after(Duration::from_secs(3600))),
    ];
    for (what, outgoing) in all {
        let sent = within(claims.patience, sender.send(outgoing)).await?;
        if !sender.capabilities().carries.contains(what) {
            let kind = sent.as_ref().err().map(cloudevents_core::Error::kind);
            ensure!(kind == Some(ErrorKind::Inexact), "{what}, which is not carried: {sent:?}");
            continue;
        }
        sent?;
        let delivery = next(&mut receiver, claims).await?;
        let arrived = match what {
            Carries::KEY => delivery.key().as_deref() == Some(b"k"),
            Carries::HEADERS => delivery.header("x-contract").as_deref() == Some(b"h"),
            Carries::REPLY_TO => delivery.reply_to() == Some("answers"),
            Carries::CORRELATION => delivery.correlation().as_deref() == Some(b"c"),
            _ => true, // not visible in every delivery
        };
        ensure!(arrived, "{what} did not arrive: {delivery:?}");
        settled(delivery.accept(), claims).await?;
    }
    // Refused messages were not sent.
    settled(sender.send(&event(1)?), claims).await?;
    let number = accept(&mut receiver, claims).await?;
    ensure!(number == 1, "event {number} came where 1 was to come");
    Ok(Verdict::Holds)
}

/// A message beyond the broker's limit is an error, and later ones arrive.
pub async fn what_is_too_large_is_refused_and_blocks_nothing(venue: &impl Venue) -> Result<Verdict, Failure> {
    let claims = venue.claims();
    let Some(size) = claims.too_large else { return Ok(Verdict::NotClaimed) };
    let mut receiver = receiver(venue).await?;
    let sender = venue.sender().await?;
    let large = event_with(0, "one", vec![b'x'; size])?;
    let (refused, sent) = futures_util::future::join(sender.send(&large), sender.send(&event(1)?)).await;
    let kind = refused.as_ref().err().map(cloudevents_core::Error::kind);
    ensure!(kind == Some(ErrorKind::TooLarge), "a message that is too large: {refused:?}");
    sent?;
    let number = accept(&mut receiver, claims).await?;
    ensure!(number == 1, "event {number} came where 1 was to come");
    Ok(Verdict::Holds)
}

/// A `send` that is dropped after its first poll has sent its message once or not at all.
///
/// An `enqueue` that did not return has sent nothing.
pub async fn a_dropped_send_arrives_once_or_never(venue: &impl Venue) -> Result<Verdict, Failure> {
    const COUNT: usize = 40;
    let claims = venue.claims();
    let mut receiver = receiver(venue).await?;
    let sender = venue.sender().await?;
    let (mut sure, mut open) = (Vec::new(), Vec::new());
    for index in 0..COUNT {
        let event = event(index)?;
        if index % 2 == 0 {
            drop(sender.send(&event).now_or_never());
            open.push(index);
        } else if let Some(enqueued) = sender.enqueue(&event).now_or_never() {
            sure.push(index);
            drop(enqueued?);
        }
    }
    settled(sender.send(&event(COUNT)?), claims).await?;
    sure.push(COUNT);
    settled(sender.close(), claims).await?;
    let mut seen = vec![0_usize; COUNT.saturating_add(1)];
    let mut missing = sure.len();
    loop {
        let delivery = match missing {
            // All sent messages have arrived; wrongly sent ones would arrive now.
            0 => match tokio::time::timeout(claims.quiet, receiver.next()).await {
                Ok(Ok(Some(delivery))) => delivery,
                _ => break,
            },
            _ => next(&mut receiver, claims).await?,
        };
        let number = number(&delivery)?;
        settled(delivery.accept(), claims).await?;
        if let Some(times) = seen.get_mut(number) {
            *times = times.saturating_add(1);
            ensure!(*times == 1, "event {number} came {times} times");
        }
        ensure!(
            sure.contains(&number) || open.contains(&number),
            "event {number} came, which was not handed over"
        );
        missing = missing.saturating_sub(usize::from(sure.contains(&number)));
    }
    Ok(Verdict::Holds)
}
