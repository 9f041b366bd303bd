//! The service.

use cloudevents_kit::{
    Delivery, Error, Sender, connect_receiver, connect_sender,
    prelude::*,
    transport::{Failure, Outgoing},
};
use serde::{Deserialize, Serialize};

/// The payload of a request.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct PriceRequested {
    /// The name of the article.
    pub(crate) article: String,
}

impl EventData for PriceRequested {
    const TYPE: &'static str = "com.example.price.requested";
    type Codec = Json;
}

/// The payload of a reply.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct PriceQuoted {
    /// In cents.
    pub(crate) cents: u64,
}

impl EventData for PriceQuoted {
    const TYPE: &'static str = "com.example.price.quoted";
    type Codec = Json;
}

/// Answers requests to the subject of this URL until it is stopped.
pub(crate) async fn serve(url: &str, stop: impl Future<Output = ()> + Send) -> Result<(), Error> {
    // A request that is not valid is dropped: the client gets no reply, and gives up at its deadline.
    let requests = connect_receiver(&format!("{url}?queue=prices&reject=drop")).await?;
    let replies = connect_sender(url).await?;
    requests
        .run(async |delivery: Delivery| answer(&delivery, &replies).await.map_err(Failure::reject))
        .concurrency(16)
        .until(stop)
        .await?;
    replies.close().await
}

async fn answer(request: &Delivery, replies: &Sender) -> Result<(), Error> {
    let event = request.event()?;
    let asked = TypedEvent::<PriceRequested>::try_from(event)?;
    let Some(address) = request.reply_to() else { return Ok(()) }; // no one waits for a reply
    let cents = asked.data().article.len() as u64 * 100;
    let builder = Event::builder().id(asked.event().id()).source("/prices").subject(&asked.data().article);
    let quoted = TypedEvent::build(builder, PriceQuoted { cents })?.into_event();
    replies.send(Outgoing::from(quoted).to(address)).await?;
    Ok(())
}
