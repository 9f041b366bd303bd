//! The link for replies to requests.

use super::{
    failure,
    message::{WireBody, WireMessage},
    options::random,
    received::ReceivedMessage,
};
use crate::decode;
use cloudevents_core::{DecodeOptions, Error, ErrorKind, Message};
use cloudevents_transport::binding::confirms::{Request, Requests};
use fe2o3_amqp::{
    Receiver,
    link::{RecvError, receiver::CreditMode},
    session::SessionHandle,
};
use fe2o3_amqp_types::{
    definitions::{self, AmqpError},
    messaging::{MessageId, Source},
};
use tokio::task::JoinHandle;

/// How many replies the broker may send ahead.
const CREDIT: u32 = 100;

/// A link from an address that the broker made for it, to which replies are sent.
pub(super) struct Replies {
    address: Box<str>,
    requests: Requests<Result<Message, Error>>,
    reading: JoinHandle<()>,
}

impl Replies {
    /// Attaches a link to a dynamic node (AMQP 1.0, part 3, section 3.5.3). Decodes replies with these
    /// options.
    pub(super) async fn attach(
        session: &mut SessionHandle<()>,
        decoding: DecodeOptions,
    ) -> Result<Self, Error> {
        let attached = Receiver::builder()
            .name(format!("replies-{}", random()))
            .source(Source::builder().dynamic(true).build())
            .credit_mode(CreditMode::Auto(CREDIT))
            .attach(session)
            .await;
        let none = |error: Error| match error.kind() {
            // RabbitMQ 3 ends the session for it.
            ErrorKind::Disconnected if !error.detail().starts_with("amqp:not-implemented") => error,
            // It may have one later.
            _ if error.detail().starts_with("amqp:resource-limit-exceeded") => error,
            _ => Error::new(ErrorKind::Unsupported)
                .with_detail("the broker makes no address for replies")
                .with_source(error)
                .with_help("requests need a broker with dynamic nodes"),
        };
        let link = attached.map_err(|error| none(failure::attach_receiver(error)))?;
        let address = link.source().as_ref().and_then(|source| source.address.clone());
        let address = address.ok_or_else(|| none(Error::new(ErrorKind::Transport)))?;
        let requests = Requests::new();
        let reading = tokio::spawn(read(link, requests.clone(), decoding));
        Ok(Self { address: address.into(), requests, reading })
    }

    pub(super) fn address(&self) -> &str {
        &self.address
    }

    pub(super) fn have_ended(&self) -> bool {
        self.requests.has_ended()
    }

    pub(super) fn begin(&self) -> Result<Request<Result<Message, Error>>, Error> {
        self.requests.begin()
    }
}

impl Drop for Replies {
    fn drop(&mut self) {
        self.reading.abort();
    }
}

/// Passes on replies until the link is lost.
async fn read(mut link: Receiver, requests: Requests<Result<Message, Error>>, decoding: DecodeOptions) {
    /// Also ends the requests if the task is aborted or panics.
    struct Ended(Requests<Result<Message, Error>>);

    impl Drop for Ended {
        fn drop(&mut self) {
            self.0.end(&failure::disconnected("the connection was lost before the reply came"));
        }
    }

    let ended = Ended(requests);
    loop {
        let settled = match link.recv::<WireBody>().await {
            Ok(delivery) => {
                let (info, message) = delivery.into_parts();
                reply(message, &ended.0, &decoding);
                link.accept(info).await
            }
            Err(RecvError::MessageDecode(error)) => {
                let says = error.source.to_string();
                link.reject(error.info, definitions::Error::new(AmqpError::DecodeError, says, None)).await
            }
            Err(error) => {
                tracing::debug!(%error, "the link for replies has ended");
                return;
            }
        };
        if settled.is_err() {
            return;
        }
    }
}

fn reply(message: WireMessage, requests: &Requests<Result<Message, Error>>, decoding: &DecodeOptions) {
    let correlation = message.properties.as_ref().and_then(|properties| properties.correlation_id.as_ref());
    let number = match correlation {
        Some(MessageId::String(text)) => text.parse().ok(),
        Some(MessageId::Ulong(number)) => Some(*number),
        Some(MessageId::Binary(bytes)) => std::str::from_utf8(bytes).ok().and_then(|text| text.parse().ok()),
        _ => None,
    };
    let decode = || decode::message(&ReceivedMessage::from(message), decoding).map(|decoded| decoded.value);
    if number.is_none_or(|number| !requests.resolve(number, decode())) {
        tracing::debug!("a message on the link for replies answers no request");
    }
}
