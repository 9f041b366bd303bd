//! Nodes that answer requests: `$cbs` and `$management`.

use super::{failure, message::Fe2o3Message, options::random};
use cloudevents_core::{Error, ErrorKind};
use fe2o3_amqp::{
    Receiver, Sender, Session, connection::ConnectionHandle, link::receiver::CreditMode,
    session::SessionHandle,
};
use fe2o3_amqp_types::{
    messaging::{ApplicationProperties, Body, Message, MessageId, Outcome, Properties},
    primitives::{SimpleValue, Value},
};

/// The links to and from a node, on their own session.
pub(super) struct Node {
    requests: Sender,
    answers: Receiver,
    reply_to: String,
    number: u64,
    address: String,
    session: SessionHandle<()>,
}

impl Node {
    pub(super) async fn open(connection: &mut ConnectionHandle<()>, address: &str) -> Result<Self, Error> {
        let mut session = Session::begin(connection).await.map_err(failure::begin)?;
        let (requests, answers, reply_to) = attach(&mut session, address).await?;
        Ok(Self { requests, answers, reply_to, number: 0, address: address.to_owned(), session })
    }

    /// Sends a request with these properties and this body, and waits for success.
    ///
    /// `what` names the request in errors, which are of kind [`Refused`](ErrorKind::Refused) when the node declines. If the broker has
    /// ended the links, the request is sent again over other links, once: Azure Service Bus ends links that were idle for ten minutes. A
    /// request has to have the same effect when it is repeated.
    pub(super) async fn ask(
        &mut self,
        what: &str,
        properties: ApplicationProperties,
        body: Value,
    ) -> Result<(), Error> {
        match self.ask_once(what, properties.clone(), body.clone()).await {
            Err(error) if error.kind() == ErrorKind::Disconnected => {
                // Without the error: the broker may repeat the request in it, which has a token.
                tracing::debug!(address = self.address, "the links to the node have ended");
                (self.requests, self.answers, self.reply_to) =
                    attach(&mut self.session, &self.address).await?;
                self.ask_once(what, properties, body).await
            }
            asked => asked,
        }
    }

    async fn ask_once(
        &mut self,
        what: &str,
        properties: ApplicationProperties,
        body: Value,
    ) -> Result<(), Error> {
        self.number = self.number.wrapping_add(1);
        let id = MessageId::Ulong(self.number);
        let mut bare = Properties::new();
        bare.message_id = Some(id.clone());
        bare.reply_to = Some(self.reply_to.clone());
        let request: Fe2o3Message = Message::builder()
            .properties(bare)
            .application_properties(properties)
            .body(Body::Value(fe2o3_amqp_types::messaging::AmqpValue(body)))
            .build();
        match self.requests.send(request).await.map_err(failure::send)? {
            Outcome::Accepted(_) => {}
            other => return Err(declined(what, &format!("{other:?}"))),
        }
        loop {
            let answer = self.answers.recv::<Body<Value>>().await.map_err(failure::receive)?;
            self.answers.accept(&answer).await.map_err(failure::dispose)?;
            let answer = answer.into_message();
            let about = answer.properties.as_ref().and_then(|properties| properties.correlation_id.as_ref());
            // Answers to requests whose waiting was cancelled are skipped.
            if about == Some(&id) {
                return judge(what, &answer);
            }
        }
    }
}

/// Opens the links to and from a node. Returns them with the address for answers.
async fn attach(session: &mut SessionHandle<()>, address: &str) -> Result<(Sender, Receiver, String), Error> {
    let reply_to = format!("answers-{}", random());
    let requests = Sender::attach(session, format!("{reply_to}-requests"), address)
        .await
        .map_err(failure::attach_sender)?;
    let answers = Receiver::builder()
        .name(format!("{reply_to}-answers"))
        .source(address)
        .target(reply_to.clone())
        .credit_mode(CreditMode::Auto(10))
        .attach(session)
        .await
        .map_err(failure::attach_receiver)?;
    Ok((requests, answers, reply_to))
}

/// Checks the status code, which is a code of HTTP. `$cbs` and `$management` differ in how they write the names.
fn judge(what: &str, answer: &Fe2o3Message) -> Result<(), Error> {
    let property = |names: [&str; 2]| {
        let properties = &answer.application_properties.as_ref()?.0;
        names.into_iter().find_map(|name| properties.get(&name.to_owned()))
    };
    let status = match property(["status-code", "statusCode"]) {
        Some(SimpleValue::Int(status)) => i64::from(*status),
        Some(SimpleValue::Uint(status)) => i64::from(*status),
        Some(SimpleValue::Long(status)) => *status,
        _ => return Err(declined(what, "the answer has no status")),
    };
    if (200..300).contains(&status) {
        return Ok(());
    }
    let says = match property(["status-description", "statusDescription"]) {
        Some(SimpleValue::String(says)) => says.as_str(),
        _ => "",
    };
    Err(declined(what, &format!("{status} {says}")))
}

#[cold]
fn declined(what: &str, says: &str) -> Error {
    Error::new(ErrorKind::Refused).with_detail(format!("the broker declined {what}: {says}"))
}
