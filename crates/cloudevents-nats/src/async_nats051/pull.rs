//! Requests for messages of a pull consumer, and what the server reports about them.

use super::{connection::Connected, failure};
use async_nats::{Message, StatusCode, Subject};
use cloudevents_core::Error;
use cloudevents_transport::Bounds;
use std::{future::pending, pin::pin, time::Duration};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at, sleep_until};

/// How long the server keeps a request for messages, if the consumer allows it.
const EXPIRES: Duration = Duration::from_secs(30);

/// How often the server reports that it still has the request.
const HEARTBEAT: Duration = Duration::from_secs(5);

/// When to request again what the server had no place for.
const AGAIN: Duration = Duration::from_secs(1);

/// After so many times without a report, the server no longer has the request.
const SILENCE: u32 = 3;

/// How much later than requested a request may end.
const LATER: Duration = Duration::from_secs(1);

/// The requests of one connection.
pub(super) struct Pull {
    /// Where messages are requested.
    next: Subject,
    /// Where messages and reports arrive.
    inbox: Subject,
    /// The most in one request.
    most: Bounds,
    /// How long the server keeps a request.
    expires: Duration,
    /// What may arrive.
    room: Bounds,
    /// What was requested and has not arrived.
    requested: Bounds,
    /// What was requested last.
    last: Bounds,
    /// When more may be requested, if not now.
    pause: Option<Instant>,
    /// When every request must have ended, also without a report, as with nats-server 2.9 when a message comes just then.
    ends: Option<Instant>,
    /// Whether one has ended without a report.
    unreported: bool,
    /// Whether the next message is larger than what was requested.
    exceeds: bool,
    /// Ticks as often as the server should report something.
    listening: Interval,
    /// The ticks since the last message or report.
    silent: u32,
}

impl Pull {
    /// For requests of at most so much, which the server keeps for at most so long.
    pub(super) fn new(next: Subject, inbox: Subject, most: Bounds, expires: Duration) -> Self {
        let mut listening = interval_at(after(HEARTBEAT), HEARTBEAT);
        listening.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let none = Bounds { messages: 0, bytes: 0 };
        Self {
            next,
            inbox,
            most,
            expires: expires.min(EXPIRES),
            room: none,
            requested: none,
            last: none,
            pause: None,
            ends: None,
            unreported: false,
            exceeds: false,
            listening,
            silent: 0,
        }
    }

    /// Allows this much more to arrive from now on.
    pub(super) fn allow(&mut self, room: Bounds) {
        self.room = room;
    }

    /// Requests more messages when half of the room is used.
    pub(super) async fn request(&mut self, connected: &Connected) -> Result<(), Error> {
        let Some(request) = self.due() else { return Ok(()) };
        if !std::mem::take(&mut self.unreported) {
            self.silent = 0;
        }
        let client = &connected.client;
        client
            .publish_with_reply(self.next.clone(), self.inbox.clone(), request.into())
            .await
            .map_err(failure::publish)
    }

    /// The request to be made now, if any.
    fn due(&mut self) -> Option<String> {
        let Self { room, requested, last, .. } = self;
        if self.pause.is_some_and(|until| until > Instant::now()) {
            return None;
        }
        self.pause = None;
        if requested.messages > room.messages / 2 || requested.messages >= room.messages {
            return None;
        }
        if requested.messages == 0 {
            requested.bytes = 0;
        }
        let ends = Instant::now().checked_add(self.expires.saturating_add(LATER));
        let expires = self.expires.as_nanos();
        let heartbeat = HEARTBEAT.as_nanos().min(expires / 3);
        let times = format!(r#""expires":{expires},"idle_heartbeat":{heartbeat}"#);
        if std::mem::take(&mut self.exceeds) {
            // The bound plus one message, as everywhere.
            *last = Bounds { messages: 1, bytes: 0 };
            requested.messages = requested.messages.saturating_add(1);
            self.ends = ends;
            return Some(format!(r#"{{"batch":1,{times}}}"#));
        }
        let batch = room.messages.saturating_sub(requested.messages).min(self.most.messages);
        let bytes = room.bytes.max(1).saturating_sub(requested.bytes).min(self.most.bytes);
        if bytes == 0 {
            return None;
        }
        *last = Bounds { messages: batch, bytes };
        requested.messages = requested.messages.saturating_add(batch);
        requested.bytes = requested.bytes.saturating_add(bytes);
        self.ends = ends;
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
        if self.requested.messages == 0 {
            self.pause = None; // a request has ended, and left its place
        }
        self.silent = 0;
    }

    /// Handles a report: a request has ended, or is still there.
    pub(super) fn report(&mut self, status: StatusCode, message: &Message) -> Result<(), Error> {
        self.silent = 0;
        let description = message.description.as_deref().unwrap_or_default();
        match status {
            StatusCode::IDLE_HEARTBEAT => Ok(()),
            // Those before are still there.
            StatusCode::REQUEST_TERMINATED if begins(description, "exceeded maxwaiting") => {
                let Self { requested, last, .. } = self;
                requested.messages = requested.messages.saturating_sub(last.messages);
                requested.bytes = requested.bytes.saturating_sub(last.bytes);
                self.pause = Some(after(AGAIN));
                Ok(())
            }
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
    fn is_waiting(&self) -> bool {
        self.requested.messages > 0
    }

    /// Returns when more may be requested, behind a pause or a request that has ended, or with an error when the server has reported
    /// nothing for too long. Cancel-safe.
    pub(super) async fn wait(&mut self) -> Result<(), Error> {
        let (is_waiting, pause, ends) = (self.is_waiting(), self.pause, self.ends);
        let until = async |time| match time {
            Some(time) => sleep_until(time).await,
            None => pending().await,
        };
        let (mut pausing, mut ending) = (pin!(until(pause)), pin!(until(ends)));
        loop {
            tokio::select! {
                () = &mut pausing => return Ok(()),
                () = &mut ending, if is_waiting => {
                    self.requested = Bounds { messages: 0, bytes: 0 };
                    self.unreported = true; // whether the server is there shows the next one
                    return Ok(());
                }
                _ = self.listening.tick(), if is_waiting => {}
            }
            self.silent = self.silent.saturating_add(1);
            if self.silent > SILENCE {
                return Err(failure::disconnected("the server no longer reports about the consumer"));
            }
        }
    }
}

/// The time after so long.
fn after(pause: Duration) -> Instant {
    Instant::now().checked_add(pause).unwrap_or_else(Instant::now)
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
    use futures_util::FutureExt;

    fn report(description: &str) -> Message {
        Message {
            subject: "inbox".into(),
            reply: None,
            payload: bytes::Bytes::new(),
            headers: None,
            status: None,
            description: Some(description.into()),
            length: 0,
        }
    }

    #[test]
    fn what_does_not_pass() {
        assert!(is_permanent("Consumer Deleted") && is_permanent("Exceeded MaxRequestBatch of 5"));
        assert!(!is_permanent("Leadership Change") && !is_permanent("Message Size Exceeds MaxBytes"));
    }

    /// Requests for messages and bytes: what is requested never exceeds the room, unless one message does.
    #[tokio::test]
    async fn requests_fit_into_the_room() {
        let most = Bounds { messages: 100, bytes: 1 << 20 };
        let mut pull = Pull::new("next".into(), "inbox".into(), most, Duration::MAX);
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
        let ended = Message { headers: Some(headers), ..report("Message Size Exceeds MaxBytes") };
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

    /// The server has a place for one request only: the one before stays, and there is no other one until a pause is over.
    #[tokio::test(start_paused = true)]
    async fn what_the_server_has_no_place_for_is_requested_again_behind_a_pause() {
        let most = Bounds { messages: 100, bytes: 1 << 20 };
        let mut pull = Pull::new("next".into(), "inbox".into(), most, Duration::MAX);
        pull.allow(Bounds { messages: 100, bytes: 1000 });
        assert!(pull.due().is_some());
        (0..50).for_each(|_| pull.arrived(1));
        pull.allow(Bounds { messages: 100, bytes: 1000 });
        assert!(pull.due().is_some());
        pull.report(StatusCode::REQUEST_TERMINATED, &report("Exceeded MaxWaiting")).unwrap();
        assert_eq!((pull.requested.messages, pull.due()), (50, None));
        let begun = Instant::now();
        pull.wait().await.unwrap();
        assert!(begun.elapsed() >= AGAIN && pull.due().is_some());
        assert!(pull.wait().now_or_never().is_none(), "the pause is over");
        // Nothing is left of the first request: its place is free.
        pull.report(StatusCode::REQUEST_TERMINATED, &report("Exceeded MaxWaiting")).unwrap();
        (0..50).for_each(|_| pull.arrived(1));
        assert!(pull.due().is_some());
    }

    /// One that has ended without a report is made again, and a server that is gone is noticed all the same.
    #[tokio::test(start_paused = true)]
    async fn a_request_that_must_have_ended_is_made_again() {
        let most = Bounds { messages: 100, bytes: 1 << 20 };
        let mut pull = Pull::new("next".into(), "inbox".into(), most, Duration::MAX);
        pull.allow(Bounds { messages: 100, bytes: 1000 });
        assert!(pull.due().is_some());
        let begun = Instant::now();
        for _ in 0..2 {
            let silent = tokio::time::timeout(Duration::from_secs(14), pull.wait()).await;
            assert!(silent.is_err() && pull.due().is_none());
            pull.report(StatusCode::IDLE_HEARTBEAT, &report("Idle Heartbeat")).unwrap();
        }
        pull.wait().await.unwrap();
        assert!((EXPIRES..EXPIRES + 2 * LATER).contains(&begun.elapsed()) && pull.due().is_some());
        let unreported = pull.unreported;
        assert!(unreported && pull.wait().await.is_err() && begun.elapsed() < Duration::from_secs(50));
    }

    #[tokio::test]
    async fn a_request_ends_when_the_consumer_wants_and_is_reported_before() {
        for (most, expected) in [(5, (5.0, 5.0 / 3.0)), (3600, (30.0, 5.0))] {
            let bounds = Bounds { messages: 1, bytes: 1 };
            let mut pull = Pull::new("next".into(), "inbox".into(), bounds, Duration::from_secs(most));
            pull.allow(bounds);
            let request: serde_json::Value = serde_json::from_str(&pull.due().unwrap()).unwrap();
            let seconds = |name: &str| Duration::from_nanos(request[name].as_u64().unwrap()).as_secs_f64();
            let (expires, heartbeat) = (seconds("expires"), seconds("idle_heartbeat"));
            assert!(
                (expires - expected.0).abs() < 0.01 && (heartbeat - expected.1).abs() < 0.01,
                "{request}"
            );
        }
    }
}
