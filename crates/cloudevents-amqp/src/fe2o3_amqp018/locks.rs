//! Renewal of the locks of Azure Service Bus ([request-response operations][1], "Message Renew Lock").
//!
//! [1]: https://learn.microsoft.com/azure/service-bus-messaging/service-bus-amqp-request-response

use super::{cbs::Claim, connection::Connected, failure, node::Node, received::ReceivedMessage};
use cloudevents_core::{Error, ErrorKind};
use fe2o3_amqp_types::{
    messaging::{ApplicationProperties, annotations::OwnedKey},
    primitives::{OrderedMap, SimpleValue, Uuid, Value},
};
use std::time::Duration;
use tokio::{
    sync::mpsc::{self, error::TrySendError},
    task::JoinHandle,
    time::timeout,
};

/// The annotation with the token of a lock.
const ANNOTATION: &str = "x-opt-lock-token";

/// How many locks one request renews.
const TOGETHER: usize = 100;

/// How many renewals may wait.
const WAITING: usize = 4096;

/// The token of a lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LockToken([u8; 16]);

impl LockToken {
    /// The token of a delivery: its tag, or an annotation. A tag has the byte order of .NET, where the first
    /// three fields are little-endian.
    pub(super) fn of(tag: &[u8], message: &ReceivedMessage) -> Option<Self> {
        if let Ok([a, b, c, d, e, f, g, h, rest @ ..]) = <[u8; 16]>::try_from(tag) {
            let [i, j, k, l, m, n, o, p] = rest;
            return Some(Self([d, c, b, a, f, e, h, g, i, j, k, l, m, n, o, p]));
        }
        let annotations = &message.delivery_annotations.as_ref()?.0;
        annotations.iter().find_map(|(key, value)| match (key, value) {
            (OwnedKey::Symbol(key), Value::Uuid(token)) if key.as_str() == ANNOTATION => {
                Some(Self(*token.as_inner()))
            }
            _ => None,
        })
    }
}

/// Renews locks over the node `$management` of an address, in a task.
pub(super) struct Locks {
    tokens: mpsc::Sender<LockToken>,
    task: JoinHandle<()>,
    _claim: Option<Claim>,
}

impl Locks {
    /// Opens the links to the node, for the messages of a link with this name. A request may take as long as the limit.
    pub(super) async fn open(
        connected: &mut Connected,
        address: &str,
        link: String,
        limit: Duration,
    ) -> Result<Self, Error> {
        let address = format!("{address}/$management");
        let claim = connected.claim(&address).await?;
        let node = connected.node(&address).await?;
        let (tokens, asked) = mpsc::channel(WAITING);
        Ok(Self { tokens, task: tokio::spawn(renew(node, asked, link, limit)), _claim: claim })
    }

    /// Requests the renewal of a lock. If too many wait, nothing happens: half of the lock's time is left for
    /// the next renewal.
    pub(super) fn renew(&self, token: LockToken) -> Result<(), Error> {
        match self.tokens.try_send(token) {
            Ok(()) => Ok(()),
            Err(TrySendError::Full(_)) => {
                tracing::warn!("too many locks wait for their renewal");
                Ok(())
            }
            Err(TrySendError::Closed(_)) => {
                Err(failure::disconnected("the links that renew locks have ended"))
            }
        }
    }
}

impl Drop for Locks {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn renew(mut node: Node, mut asked: mpsc::Receiver<LockToken>, link: String, limit: Duration) {
    let mut tokens = Vec::new();
    while asked.recv_many(&mut tokens, TOGETHER).await > 0 {
        let renewed = request(&mut node, &tokens, &link, limit).await;
        let mut failed = renewed.err();
        // One lost lock fails a request for several, so each gets its own.
        if tokens.len() > 1 && failed.as_ref().is_some_and(|error| error.kind() == ErrorKind::Refused) {
            failed = None;
            for token in &tokens {
                if let Err(error) = request(&mut node, std::slice::from_ref(token), &link, limit).await {
                    failed = Some(error);
                }
            }
        }
        tokens.clear();
        match failed {
            Some(error) if error.kind() == ErrorKind::Disconnected => {
                tracing::warn!(%error, "locks are not renewed any more; their messages come again");
                return;
            }
            Some(error) => tracing::warn!(%error, "a lock was not renewed; its message comes again"),
            None => {}
        }
    }
}

/// Names the link, whose idle timer the broker resets then. Without it, the broker would end the link after ten
/// minutes without a message, and with it everything that is held.
async fn request(node: &mut Node, tokens: &[LockToken], link: &str, limit: Duration) -> Result<(), Error> {
    let properties = ApplicationProperties::builder()
        .insert("operation", SimpleValue::String("com.microsoft:renew-lock".to_owned()))
        .insert("associated-link-name", SimpleValue::String(link.to_owned()))
        .build();
    let tokens: Vec<_> = tokens.iter().map(|token| Value::Uuid(Uuid::from(token.0))).collect();
    let mut body = OrderedMap::new();
    body.insert(Value::String("lock-tokens".to_owned()), Value::Array(tokens.into()));
    let asked = node.ask("the renewal of a lock", properties, Value::Map(body));
    timeout(limit, asked).await.unwrap_or_else(|_| Err(Error::new(ErrorKind::Timeout)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{AmqpMessage, Body, fe2o3_amqp018::from_sections};
    use fe2o3_amqp_types::messaging::DeliveryAnnotations;

    /// `Guid.ToByteArray` of .NET documents this pair: the GUID 35918bc9-196d-40ea-9779-889d79b753f0 has
    /// the bytes C9 8B 91 35 6D 19 EA 40 97 79 88 9D 79 B7 53 F0.
    #[test]
    fn tags_have_the_byte_order_of_dotnet() {
        let tag = 0xC98B_9135_6D19_EA40_9779_889D_79B7_53F0_u128.to_be_bytes();
        let token = 0x3591_8BC9_196D_40EA_9779_889D_79B7_53F0_u128.to_be_bytes();
        let mut message = ReceivedMessage::from(from_sections(AmqpMessage::new(Body::Absent)).unwrap());
        assert_eq!(LockToken::of(&tag, &message), Some(LockToken(token)));
        assert_eq!(LockToken::of(b"0001", &message), None);
        let annotation = (OwnedKey::from(ANNOTATION), Value::Uuid(Uuid::from(token)));
        message.delivery_annotations = Some(DeliveryAnnotations([annotation].into_iter().collect()));
        assert_eq!(LockToken::of(b"0001", &message), Some(LockToken(token)));
    }
}
