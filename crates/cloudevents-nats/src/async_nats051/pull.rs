//! Requests for messages of a pull consumer, and what the server reports about them.

use super::{connection::Connected, failure};
use async_nats::{Message, StatusCode, Subject};
use cloudevents_core::Error;
use cloudevents_transport::Bounds;
use std::time::Duration;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};

/// How long the server keeps a request for messages.
const EXPIRES: Duration = Duration::from_secs(30);

/// How often the server reports that it still has the request.
const HEARTBEAT: Duration = Duration::from_secs(5);

/// After so many times without a report, the server no longer has the request.
const SILENCE: u32 = 3;

/// The requests of one connection.
pub(super) struct Pull {
    /// Where messages are requested.
    next: Subject,
    /// Where messages and reports arrive.
    inbox: Subject,
    /// The most in one request.
    most: Bounds,
    /// What may arrive.
    room: Bounds,
    /// What was requested and has not arrived.
    requested: Bounds,
    /// Whether the next message is larger than what was requested.
    exceeds: bool,
    /// Ticks as often as the server should report something.
    listening: Interval,
    /// The ticks since the last message or report.
    silent: u32,
}

impl Pull {
    pub(super) fn new(next: Subject, inbox: Subject, most: Bounds) -> Self {
        let begin = Instant::now().checked_add(HEARTBEAT).unwrap_or_else(Instant::now);
        let mut listening = interval_at(begin, HEARTBEAT);
        listening.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let none = Bounds { messages: 0, bytes: 0 };
        Self { next, inbox, most, room: none, requested: none, exceeds: false, listening, silent: 0 }
    }

    /// Allows this much more to arrive from now on.
    pub(super) fn allow(&mut self, room: Bounds) {
        self.room = room;
    }

    /// Requests more messages when half of the room is used.
    pub(super) async fn request(&mut self, connected: &Connected) -> Result<(), Error> {
        let Some(request) = self.due() else { return Ok(()) };
        self.silent = 0;
        let client = &connected.client;
        client
            .publish_with_reply(self.next.clone(), self.inbox.clone(), request.into())
            .await
            .map_err(failure::publish)
    }

    /// The request to be made now, if any.
    fn due(&mut self) -> Option<String> {
        let Self { room, requested, .. } = self;
        if requested.messages > room.messages / 2 || requested.messages >= room.messages {
            return None;
        }
        if requested.messages == 0 {
            requested.bytes = 0;
        }
        let (expires, heartbeat) = (EXPIRES.as_nanos(), HEARTBEAT.as_nanos());
        let times = format!(r#""expires":{expires},"idle_heartbeat":{heartbeat}"#);
        if std::mem::take(&mut self.exceeds) {
            // The bound plus one message, as everywhere.
            requested.messages = requested.messages.saturating_add(1);
            return Some(format!(r#"{{"batch":1,{times}}}"#));
        }
        let batch = room.messages.saturating_sub(requested.messages).min(self.most.messages);
        let bytes = room.bytes.max(1).saturating_sub(requested.bytes).min(self.most.bytes);
        if bytes == 0 {
            return None;
        }
        requested.messages = requested.messages.saturating_add(batch);
        requested.bytes = requested.bytes.saturating_add(bytes);
        Some(format!(r#"{{"batch":{batch},"max_bytes":{bytes},{times}}}"#))
    }

    /// A message has come, of this size as the server counts it.
    pub(super) fn arrived(&mut self, bytes: usize) {
        // Of the room until the next `allow`: several may be taken in between.
        for left in [&mut self.requested, &mut self.room] {
            left.messages = left.messages.saturating_sub(1);
            left.bytes = left.bytes.saturating_sub(bytes);
        }
        if self.requested.bytes == 0 {
            // A request whose bytes are used up exactly ends without a report.
            self.requested.messages = 0;
        }
        self.silent = 0;
    }

    /// Handles a report: a request has ended, or is still there.
    pub(super) fn report(&mut self, status: StatusCode, message: &Message) -> Result<(), Error> {
        self.silent = 0;
        let description = message.description.as_deref().unwrap_or_default();
        match status {
            StatusCode::IDLE_HEARTBEAT => Ok(()),
            StatusCode::TIMEOUT | StatusCode::NOT_FOUND | StatusCode::REQUEST_TERMINATED
                if !is_permanent(description) =>
            {
                let left = |name| {
                    let left = message.headers.as_ref().and_then(|headers| headers.get(name));
                    left.and_then(|left| left.as_str().parse().ok()).unwrap_or(usize::MAX)
                };
                let Bounds { messages, bytes } = &mut self.requested;
                *messages = messages.saturating_sub(left("Nats-Pending-Messages"));
                *bytes = bytes.saturating_sub(left("Nats-Pending-Bytes"));
                self.exceeds |= begins(description, "message size exceeds");
                Ok(())
            }
            StatusCode::NO_RESPONDERS => Err(failure::disconnected("JetStream is not available")),
            _ => Err(failure::disconnected(format!("the consumer ended: {status} {description}"))),
        }
    }

    /// Whether messages were requested, so that the server reports something.
    pub(super) fn is_waiting(&self) -> bool {
        self.requested.messages > 0
    }

    /// Returns when the server has reported nothing for too long. Cancel-safe.
    pub(super) async fn silence(&mut self) -> Error {
        loop {
            self.listening.tick().await;
            self.silent = self.silent.saturating_add(1);
            if self.silent > SILENCE {
                return failure::disconnected("the server no longer reports about the consumer");
            }
        }
    }
}

/// Whether the same request would end in the same way.
fn is_permanent(description: &str) -> bool {
    ["consumer deleted", "consumer is push based", "exceeded maxrequest", "bad request"]
        .iter()
        .any(|known| begins(description, known))
}

fn begins(description: &str, known: &str) -> bool {
    description.to_ascii_lowercase().starts_with(known)
}

#[cfg(test)]
mod tests {
    use super::*;
    use async_nats::HeaderMap;

    #[test]
    fn what_does_not_pass() {
        assert!(is_permanent("Consumer Deleted") && is_permanent("Exceeded MaxRequestBatch of 5"));
        assert!(!is_permanent("Leadership Change") && !is_permanent("Message Size Exceeds MaxBytes"));
    }

    /// Requests for messages and bytes: what is requested never exceeds the room, unless one message does.
    #[tokio::test]
    async fn requests_fit_into_the_room() {
        let most = Bounds { messages: 100, bytes: 1 << 20 };
        let mut pull = Pull::new("next".into(), "inbox".into(), most);
        let due = |pull: &mut Pull| {
            let request: Option<serde_json::Value> =
                pull.due().map(|due| serde_json::from_str(&due).unwrap());
            request.map(|request| (request["batch"].as_u64().unwrap(), request["max_bytes"].as_u64()))
        };
        assert_eq!(due(&mut pull), None);
        pull.allow(Bounds { messages: 50, bytes: 1000 });
        assert_eq!((due(&mut pull), due(&mut pull)), (Some((50, Some(1000))), None));
        (0..8).for_each(|_| pull.arrived(100));
        let mut headers = HeaderMap::new();
        headers.insert("Nats-Pending-Messages", "42");
        headers.insert("Nats-Pending-Bytes", "200");
        let ended = Message {
            subject: "inbox".into(),
            reply: None,
            payload: bytes::Bytes::new(),
            headers: Some(headers),
            status: None,
            description: Some("Message Size Exceeds MaxBytes".into()),
            length: 0,
        };
        pull.report(StatusCode::REQUEST_TERMINATED, &ended).unwrap();
        assert_eq!((pull.requested.messages, pull.requested.bytes), (0, 0));
        assert_eq!(due(&mut pull), Some((1, None)));
        pull.arrived(5000);
        // Nothing is left, until something is settled.
        pull.allow(Bounds { messages: 0, bytes: 0 });
        assert_eq!(due(&mut pull), None);
        pull.allow(Bounds { messages: 200, bytes: usize::MAX });
        assert_eq!(due(&mut pull), Some((100, Some(1 << 20))));
        pull.arrived(1 << 20);
        assert!(!pull.is_waiting());
        assert_eq!(due(&mut pull), Some((100, Some(1 << 20))));
    }
}
