//! Answers to messages, with an event of the user.

use super::place;
use crate::{
    connect::{self, Certificates, Sending, side},
    console::Console,
    failure::Failure,
    report::Report,
};
use cloudevents_kit::{
    Delivery, Error, ErrorKind, Event, Sender,
    transport::{Outgoing, Side},
};
use std::time::Duration;

/// How long an answer may take.
const LIMIT: Duration = Duration::from_secs(30);

/// Answers messages that ask for it.
pub(super) struct Answers {
    event: Event,
    /// Sends to the address that a message names. `None`: the answer goes into the exchange of the message.
    sender: Option<Sender>,
}

impl Answers {
    /// Opens what the answers to messages of this URL need. It is an error if its protocol has no replies.
    pub(super) async fn open(event: Event, url: &str, certificates: &Certificates) -> Result<Self, Failure> {
        let endpoint = connect::endpoint(url)?;
        let name = endpoint.as_ref().and_then(connect::binding).map(|binding| binding.urls.name);
        let url = match name {
            Some("http") => return Ok(Self { event, sender: None }),
            // The link of a sender needs an address that exists.
            Some("amqp") => side::of_side(url, Side::Send),
            Some("nats") if url.starts_with("nats+jetstream") => return Err(no_replies()),
            Some("mqtt" | "nats") => at_no_filter(&side::of_side(url, Side::Send)),
            _ => return Err(no_replies()),
        };
        let sending = Sending {
            timeout: LIMIT,
            parallel: 1,
            connecting: certificates.clone().into(),
            ..Sending::default()
        };
        let sender = connect::sender(&url, &sending).await?;
        if !sender.capabilities().requests {
            return Err(no_replies());
        }
        Ok(Self { event, sender: Some(sender) })
    }

    /// Answers a message.
    pub(super) async fn answer(&self, delivery: &Delivery, number: u64, console: &Console) {
        let answered = match (&self.sender, delivery.reply_to()) {
            (None, _) => delivery.reply(&self.event).await,
            (Some(sender), Some(to)) => {
                let sent = tokio::time::timeout(LIMIT, sender.send(self.outgoing(delivery, to))).await;
                sent.unwrap_or_else(|_| {
                    let words =
                        format!("the address of the answer took nothing within {} s", LIMIT.as_secs());
                    Err(Error::new(ErrorKind::Timeout).with_detail(words))
                })
            }
            (Some(_), None) => {
                let note = Report::note(format!("message {number} asks for no answer, and gets none"));
                console.report(&note.kind("no-reply").from(place::origin(delivery)));
                return;
            }
        };
        if let Err(error) = answered {
            let report = Report::of(&error).saying("a message could not be answered");
            console.error(connect::status_at_end(&error), &report.from(place::origin(delivery)));
        }
    }

    /// Ends the connection of the answers. All of them have an outcome.
    pub(super) async fn close(self) {
        if let Some(sender) = self.sender {
            let _ = sender.close().await;
        }
    }

    fn outgoing(&self, delivery: &Delivery, to: &str) -> Outgoing {
        let answer = Outgoing::from(&self.event).to(to);
        match delivery.correlation() {
            Some(correlation) => answer.correlation(correlation),
            None => answer,
        }
    }
}

/// Returns the URL with a topic or subject in place of a filter, which no sender has. Each answer goes elsewhere.
///
/// A client of MQTT is one connection, so the answers have a client of their own.
fn at_no_filter(url: &str) -> String {
    let (base, query) = url.split_once('?').unwrap_or((url, ""));
    let (scheme, rest) = base.split_once("://").unwrap_or_default();
    let authority = rest.split('/').next().unwrap_or_default();
    let options = query.split('&').filter(|pair| !pair.is_empty() && !pair.starts_with("client="));
    let options: Vec<_> = options.collect();
    let query = if options.is_empty() { String::new() } else { format!("?{}", options.join("&")) };
    format!("{scheme}://{authority}/replies{query}")
}

fn no_replies() -> Failure {
    Failure::usage("--reply: this protocol has no replies")
        .help("the protocols with replies are HTTP, NATS without JetStream, MQTT 5 and AMQP 1.0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_have_a_connection_of_their_own() {
        for (url, expected) in [
            ("nats://h:4222/prices.*", "nats://h:4222/replies"),
            ("nats://a,b/prices.>?name=n", "nats://a,b/replies?name=n"),
            ("mqtt://me:x@h/plant/#?client=m&qos=2", "mqtt://me:x@h/replies?qos=2"),
            ("mqtt://h/%23?client=m", "mqtt://h/replies"),
        ] {
            assert_eq!(at_no_filter(url), expected);
        }
    }
}
