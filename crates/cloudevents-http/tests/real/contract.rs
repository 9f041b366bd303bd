//! What every pair of sender and receiver has to do, over HTTP.
//!
//! HTTP keeps nothing: a sender learns how its message was settled, and sends again what was not. So that there is something to
//! redeliver, a broker in memory stands between: it takes messages at once and posts them until they are accepted or refused.

use crate::tools::{client, event};
use cloudevents_core::{Error, ErrorKind, Message, Payload};
use cloudevents_http::{
    HttpReceiver,
    reqwest013::{HttpSenderOptions, Refusal, sender},
};
use cloudevents_testkit::patience;
use cloudevents_transport::{
    Bounds, Confirmed, Content, Orders, Outcome, Outgoing, Receipt, Receiver, ReceiverOptions, Sender,
    SenderCapabilities,
    binding::Transmit,
    contract::{Claims, Venue, check_all},
};
use http::StatusCode;
use std::{error::Error as _, sync::Arc, time::Duration};
use tokio::sync::watch;

/// One client for all requests: making one reads every authority of the system where TLS is built in.
struct Pusher(watch::Sender<Option<String>>, reqwest::Client);

/// Something to be posted until it is settled.
#[derive(Clone)]
enum Parcel {
    Message(Box<Message>),
    Garbage { marked: bool, body: Vec<u8> },
}

impl Pusher {
    fn push(&self, parcel: Parcel) {
        let (mut url, client) = (self.0.subscribe(), self.1.clone());
        tokio::spawn(async move {
            loop {
                // There is no receiver to deliver to when the venue is gone.
                let Ok(address) = url.wait_for(Option::is_some).await.map(|url| url.clone().unwrap()) else {
                    return;
                };
                match deliver(&address, &client, parcel.clone()).await {
                    Settled::Done => return,
                    Settled::Later(after) => tokio::time::sleep(after).await,
                }
            }
        });
    }
}

enum Settled {
    Done,
    Later(Duration),
}

async fn deliver(url: &str, client: &reqwest::Client, parcel: Parcel) -> Settled {
    const SOON: Duration = Duration::from_millis(20);
    match parcel {
        Parcel::Message(message) => {
            let mut options = HttpSenderOptions::default();
            options.client = Some(client.clone());
            let Err(error) = sender(url, options).unwrap().send(*message).await else {
                return Settled::Done;
            };
            match error.source().and_then(|source| source.downcast_ref::<Refusal>()) {
                Some(refusal) if refusal.is_temporary() => {
                    Settled::Later(refusal.retry_after().unwrap_or(SOON))
                }
                Some(_) => Settled::Done,
                None => Settled::Later(SOON),
            }
        }
        Parcel::Garbage { marked, body } => {
            let mut request = client.post(url).body(body);
            if marked {
                request = request.header("ce-specversion", "1.0").header("ce-id", "1").header("ce-type", "t");
            }
            match request.send().await {
                Ok(response) if response.status() == StatusCode::SERVICE_UNAVAILABLE => Settled::Later(SOON),
                Ok(_) => Settled::Done,
                Err(_) => Settled::Later(SOON),
            }
        }
    }
}

#[derive(Clone)]
struct Broker(Arc<Pusher>);

impl Transmit for Broker {
    fn capabilities(&self) -> SenderCapabilities {
        let mut capabilities = SenderCapabilities::plain(Confirmed::Accepted);
        (capabilities.orders, capabilities.batches) = (Orders::Nothing, true);
        capabilities
    }

    async fn enqueue(&self, outgoing: Outgoing) -> Result<Outcome<Receipt>, Error> {
        let Content::Message(message) = outgoing.content() else {
            return Err(Error::new(ErrorKind::Unsupported));
        };
        self.0.push(Parcel::Message(Box::new(message.clone())));
        Ok(Outcome::ready(Ok(Receipt::new())))
    }

    async fn close(&self) -> Result<(), Error> {
        Ok(())
    }
}

impl Venue for Broker {
    fn claims(&self) -> Claims {
        let mut claims = Claims::default();
        // Messages are posted side by side, and requests do not say how often they were made.
        claims.order = false;
        claims.counts_attempts = false;
        claims.patience = patience();
        claims
    }

    async fn sender(&self) -> Result<Sender, Error> {
        Ok(Sender::new(self.clone()))
    }

    async fn receiver(&self, options: ReceiverOptions) -> Result<Receiver, Error> {
        let receiver = HttpReceiver::bind("http://127.0.0.1:0/", options.into()).await?;
        self.0.0.send_replace(Some(receiver.url()));
        Ok(receiver.into_receiver())
    }

    async fn put_garbage(&self, kind: ErrorKind, body: &[u8]) -> Result<(), Error> {
        self.0.push(Parcel::Garbage { marked: kind == ErrorKind::MissingAttribute, body: body.to_vec() });
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_contract_holds() {
    let report = check_all(async || Ok(Broker(Arc::new(Pusher(watch::channel(None).0, client()))))).await;
    println!("{report}");
    assert!(report.holds(), "{report}");
}

/// Without a broker between: the sender's outcome is the settlement.
#[tokio::test]
async fn an_outcome_is_the_settlement_at_the_other_end() {
    let receiver =
        HttpReceiver::bind("http://127.0.0.1:0/", ReceiverOptions::default().into()).await.unwrap();
    let mut options = HttpSenderOptions::default();
    options.client = Some(client());
    options.sender.in_flight = Some(Bounds { messages: 8, ..Bounds::default() });
    let sender = sender(&receiver.url(), options).unwrap();
    let mut deliveries = receiver.into_receiver();
    for n in 0..4_u32 {
        let outcome = sender.enqueue(event(&n.to_string())).await.unwrap();
        let delivery = deliveries.next().await.unwrap().unwrap();
        let expected = match n {
            0 => delivery.accept().await.map(|()| None),
            1 => delivery
                .retry(Duration::from_secs(7))
                .await
                .map(|()| Some((503, Some(Duration::from_secs(7))))),
            2 => delivery.release().await.map(|()| Some((503, Some(Duration::from_secs(1))))),
            _ => delivery.reject("no").await.map(|()| Some((422, None))),
        };
        let told = outcome.await.err().map(|error| {
            let refusal = error.source().unwrap().downcast_ref::<Refusal>().unwrap().clone();
            (refusal.status().as_u16(), refusal.retry_after())
        });
        assert_eq!(told, expected.unwrap());
    }
}

/// A program asks, and another one replies.
#[tokio::test]
async fn a_request_returns_the_reply_of_the_handler() {
    let receiver =
        HttpReceiver::bind("http://127.0.0.1:0/", ReceiverOptions::default().into()).await.unwrap();
    let mut options = HttpSenderOptions::default();
    options.client = Some(client());
    let sender = sender(&receiver.url(), options).unwrap();
    let mut deliveries = receiver.into_receiver();
    let answering = async {
        let first = deliveries.next().await.unwrap().unwrap();
        let bad = first.reply(Outgoing::from(event("x")).header("ce-id", "y")).await;
        assert_eq!(bad.unwrap_err().kind(), ErrorKind::Inexact);
        let any = Payload::proto("type.googleapis.com/example.Order", vec![8, 1]);
        let lossy = first.reply(event("x").into_builder().payload_only(any).build().unwrap()).await;
        assert_eq!(lossy.unwrap_err().kind(), ErrorKind::Inexact);
        for lossy in [
            Outgoing::from(event("x")).key("42"),
            Outgoing::from(event("x")).to("/elsewhere"),
            Outgoing::from(event("x")).header("x-by", "me").priority(9),
        ] {
            let told = format!("{lossy:?}");
            assert_eq!(first.reply(lossy).await.unwrap_err().kind(), ErrorKind::Inexact, "{told}");
        }
        first.reply(event("not this one")).await.unwrap();
        first
            .reply(Outgoing::from(event(&format!("to {}", first.event().unwrap().id()))).header("x-by", "me"))
            .await
            .unwrap();
        first.accept().await.unwrap();
        // A reply goes with an acceptance only.
        let second = deliveries.next().await.unwrap().unwrap();
        second.reply(event("kept")).await.unwrap();
        second.reject("no").await.unwrap();
    };
    let limit = patience();
    let asking = async {
        let answer = sender.request(&event("1"), limit).await.unwrap();
        assert_eq!(answer.id(), "to 1");
        assert_eq!(sender.request(&event("2"), limit).await.unwrap_err().kind(), ErrorKind::Refused);
    };
    tokio::join!(answering, asking);
}
