//! Claims-based security: puts tokens on the node `$cbs` (AMQP Claims-based Security, version 1.0, working
//! draft).

use super::{
    failure,
    message::Fe2o3Message,
    options::{Target, random},
    token::{Token, Tokens},
};
use cloudevents_core::{Error, ErrorKind};
use cloudevents_transport::Host;
use fe2o3_amqp::{
    Receiver, Sender, Session, connection::ConnectionHandle, link::receiver::CreditMode,
    session::SessionHandle,
};
use fe2o3_amqp_types::{
    messaging::{AmqpValue, ApplicationProperties, Body, Message, MessageId, Outcome, Properties},
    primitives::{SimpleValue, Value},
};
use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};
use tokio::{task::JoinHandle, time::sleep};

const NODE: &str = "$cbs";

/// The minimum interval between two tokens.
const PAUSE: Duration = Duration::from_millis(500);

/// Puts a token for the target's address, and renews it before it expires, until dropped.
pub(super) async fn authorize(
    connection: &mut ConnectionHandle<()>,
    target: &Target,
    host: &Host,
    tokens: &Arc<dyn Tokens>,
) -> Result<Renewal, Error> {
    let host = target.options.hostname.as_deref().unwrap_or(host.name());
    let audience = format!("amqp://{host}/{}", target.address);
    let mut node = Node::open(connection).await?;
    let tokens = Arc::clone(tokens);
    let first = put(&mut node, &*tokens, &audience).await?;
    let renewing = async move {
        let mut token = first;
        loop {
            sleep(wait(&token, SystemTime::now())).await;
            token = match put(&mut node, &*tokens, &audience).await {
                Ok(token) => token,
                Err(error) => {
                    // The broker detaches the link when the old token expires, and reconnecting starts with
                    // a new one.
                    tracing::warn!(%error, audience, "the token was not renewed");
                    return;
                }
            };
        }
    };
    Ok(Renewal(tokio::spawn(renewing)))
}

/// Ends the renewal on drop.
pub(super) struct Renewal(JoinHandle<()>);

impl Drop for Renewal {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Returns three quarters of the remaining time.
fn wait(token: &Token, now: SystemTime) -> Duration {
    let left = token.expires.duration_since(now).unwrap_or_default().as_millis();
    let left = u64::try_from(left).unwrap_or(u64::MAX);
    Duration::from_millis(left.saturating_sub(left / 4)).max(PAUSE)
}

async fn put(node: &mut Node, tokens: &dyn Tokens, audience: &str) -> Result<Token, Error> {
    let token = tokens.token(audience.to_owned(), SystemTime::now()).await?;
    node.put(&token, audience).await?;
    tracing::debug!(audience, expires = ?token.expires, "token put");
    Ok(token)
}

/// The links to and from `$cbs`, on their own session.
struct Node {
    requests: Sender,
    answers: Receiver,
    reply_to: String,
    number: u64,
    _session: SessionHandle<()>,
}

impl Node {
    async fn open(connection: &mut ConnectionHandle<()>) -> Result<Self, Error> {
        let mut session = Session::begin(connection).await.map_err(failure::begin)?;
        let reply_to = format!("cbs-{}", random());
        let requests = Sender::attach(&mut session, format!("{reply_to}-requests"), NODE)
            .await
            .map_err(failure::attach_sender)?;
        let answers = Receiver::builder()
            .name(format!("{reply_to}-answers"))
            .source(NODE)
            .target(reply_to.clone())
            .credit_mode(CreditMode::Auto(10))
            .attach(&mut session)
            .await
            .map_err(failure::attach_receiver)?;
        Ok(Self { requests, answers, reply_to, number: 0, _session: session })
    }

    async fn put(&mut self, token: &Token, audience: &str) -> Result<(), Error> {
        self.number = self.number.wrapping_add(1);
        let id = MessageId::Ulong(self.number);
        let mut properties = Properties::new();
        properties.message_id = Some(id.clone());
        properties.reply_to = Some(self.reply_to.clone());
        let text = |text: &str| SimpleValue::String(text.to_owned());
        let request: Fe2o3Message = Message::builder()
            .properties(properties)
            .application_properties(
                ApplicationProperties::builder()
                    .insert("operation", text("put-token"))
                    .insert("type", text(token.kind))
                    .insert("name", text(audience))
                    .build(),
            )
            .body(Body::Value(AmqpValue(Value::String(token.text.expose().to_owned()))))
            .build();
        match self.requests.send(request).await.map_err(failure::send)? {
            Outcome::Accepted(_) => {}
            other => return Err(declined(&format!("{other:?}"))),
        }
        loop {
            let answer = self.answers.recv::<Body<Value>>().await.map_err(failure::receive)?;
            self.answers.accept(&answer).await.map_err(failure::dispose)?;
            let answer = answer.into_message();
            let about = answer.properties.as_ref().and_then(|properties| properties.correlation_id.as_ref());
            if about == Some(&id) {
                return judge(&answer);
            }
        }
    }
}

/// The status codes are those of HTTP.
fn judge(answer: &Fe2o3Message) -> Result<(), Error> {
    let property = |name: &str| answer.application_properties.as_ref()?.0.get(&name.to_owned());
    let status = match property("status-code") {
        Some(SimpleValue::Int(status)) => i64::from(*status),
        Some(SimpleValue::Uint(status)) => i64::from(*status),
        Some(SimpleValue::Long(status)) => *status,
        _ => return Err(declined("the answer has no status")),
    };
    if (200..300).contains(&status) {
        return Ok(());
    }
    let says = match property("status-description") {
        Some(SimpleValue::String(says)) => says.as_str(),
        _ => "",
    };
    Err(declined(&format!("{status} {says}")))
}

#[cold]
fn declined(says: &str) -> Error {
    Error::new(ErrorKind::Refused)
        .with_detail(format!("the broker declined the token: {says}"))
        .with_help("check the policy and its key, the address, and the clock")
}

#[cfg(test)]
mod tests {
    use super::*;
    use cloudevents_transport::Secret;

    #[test]
    fn renewed_before_it_expires() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1000);
        let token =
            |left| Token { kind: "jwt", text: Secret::new("t"), expires: now + Duration::from_secs(left) };
        assert_eq!(wait(&token(3600), now), Duration::from_secs(2700));
        assert_eq!(wait(&token(0), now), PAUSE);
    }
}
