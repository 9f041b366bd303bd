//! Requests and replies.

use super::{
    Claims, Failure, Venue, Verdict,
    tools::{accept, ensure, event, next, number, receiver, settled, within},
};
use crate::{Delivery, Outgoing, Receiver, Sender};
use cloudevents_core::{Error, ErrorKind};
use futures_util::future::{Either, join, select, try_join};
use std::pin::pin;

/// If the sender does not claim replies, a request is an error, and nothing is sent.
pub async fn requests_without_replies_are_refused(venue: &impl Venue) -> Result<Verdict, Failure> {
    let claims = venue.claims();
    let mut receiver = receiver(venue).await?;
    let sender = venue.sender().await?;
    if sender.capabilities().requests {
        return Ok(Verdict::NotClaimed);
    }
    let asked = within(claims.patience, sender.request(&event(0)?, claims.quiet)).await?;
    let kind = asked.as_ref().err().map(cloudevents_core::Error::kind);
    ensure!(kind == Some(ErrorKind::Unsupported), "a request without replies: {asked:?}");
    settled(sender.send(&event(1)?), claims).await?;
    let number = accept(&mut receiver, claims).await?;
    ensure!(number == 1, "event {number} came where 1 was to come");
    Ok(Verdict::Holds)
}

/// If the sender claims replies, each request gets its own, in any order of the replies.
///
/// A request without a reply ends at its limit, and a reply after that goes to no other request. If a broker has no address for replies,
/// requests are errors of kind [`Unsupported`](ErrorKind::Unsupported). Then there is nothing to check.
pub async fn requests_get_their_own_replies(venue: &impl Venue) -> Result<Verdict, Failure> {
    let claims = venue.claims();
    let mut receiver = receiver(venue).await?;
    let sender = venue.sender().await?;
    if !sender.capabilities().requests {
        return Ok(Verdict::NotClaimed);
    }
    let asking = try_join(request(&sender, 0, claims), request(&sender, 1, claims));
    let replying = async {
        let (one, other) = (next(&mut receiver, claims).await?, next(&mut receiver, claims).await?);
        reply(&sender, other, claims).await?;
        reply(&sender, one, claims).await
    };
    match select(pin!(asking), pin!(replying)).await {
        Either::Left((asked, _)) if asked.as_ref().is_ok_and(|replied| *replied == (false, false)) => {
            return Ok(Verdict::NotClaimed);
        }
        Either::Left((asked, replying)) => {
            asked?;
            replying.await?;
        }
        Either::Right((replied, asking)) => {
            replied?;
            asking.await?;
        }
    }
    let limit = claims.quiet;
    let asked = event(2)?;
    let asking = within(claims.patience, sender.request(&asked, limit));
    let (answer, held) = join(asking, next(&mut receiver, claims)).await;
    let (answer, held) = (answer?, held?);
    let kind = answer.as_ref().err().map(Error::kind);
    ensure!(kind == Some(ErrorKind::Timeout), "a request without a reply within {limit:?}: {answer:?}");
    // Whether a late reply is an error depends on the protocol.
    let _ = reply(&sender, held, claims).await;
    let (answered, replied) =
        join(request(&sender, 3, claims), reply_next(&sender, &mut receiver, claims)).await;
    replied.and(answered.map(drop))?;
    Ok(Verdict::Holds)
}

/// The number of the reply to this request.
const fn answer_to(number: usize) -> usize {
    number.saturating_add(10)
}

/// Sends a request, whose reply has to be its own. Returns `false` if the broker has no address for replies.
async fn request(sender: &Sender, number: usize, claims: Claims) -> Result<bool, Failure> {
    let answer = match within(claims.patience, sender.request(&event(number)?, claims.patience)).await? {
        Err(error) if error.kind() == ErrorKind::Unsupported => return Ok(false),
        answer => answer?,
    };
    let expected = answer_to(number).to_string();
    ensure!(answer.id() == expected, "the reply to event {number} is {} and not {expected}", answer.id());
    Ok(true)
}

async fn reply_next(sender: &Sender, receiver: &mut Receiver, claims: Claims) -> Result<(), Failure> {
    reply(sender, next(receiver, claims).await?, claims).await
}

/// Replies in the exchange of the request, or to its address for replies, and accepts it.
async fn reply(sender: &Sender, delivery: Delivery, claims: Claims) -> Result<(), Failure> {
    let answer = event(answer_to(number(&delivery)?))?;
    match within(claims.patience, delivery.reply(&answer)).await? {
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::Unsupported => {
            let address = delivery.reply_to().ok_or_else(|| Failure("no address for the reply".into()))?;
            let mut outgoing = Outgoing::from(&answer).to(address);
            if let Some(correlation) = delivery.correlation() {
                outgoing = outgoing.correlation(correlation);
            }
            settled(sender.send(outgoing), claims).await?;
        }
        Err(error) => return Err(error.into()),
    }
    settled(delivery.accept(), claims).await?;
    Ok(())
}
