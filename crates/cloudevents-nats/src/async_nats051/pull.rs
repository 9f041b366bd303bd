//! Requests for messages of a pull consumer, and the reports of the server about them.
//!
//! There is one request at a time. It is for as many messages and bytes as may arrive. It ends when its last message has come, when its
//! bytes are used up, or with a report to its own subject for replies. Then comes the next request. So only one request is open, and a late
//! report about an earlier request changes nothing.
//!
//! While messages come again, requests have no bound of bytes. Instead, they have so few messages that the largest messages of the server
//! fit in. The reason is a message that comes again and does not fit into the bytes of a request: the server puts it behind the others, and
//! 2.9 delivers some of them twice.

#[cfg(test)]
#[path = "pull_simulation.rs"]
mod simulation;

use super::{connection::Connected, failure};
use async_nats::{Message, StatusCode, Subject};
use bytes::Bytes;
use cloudevents_core::Error;
use cloudevents_transport::Bounds;
use std::{future::pending, pin::pin, time::Duration};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at, sleep_until};

/// The most bytes of one request: a quarter of the default `max_pending`. A server ends a connection with more pending bytes than that.
const MOST_BYTES: usize = 16 << 20;

/// The least memory that a message takes besides its bytes on the line. With it, the first messages fit.
const BESIDES: usize = 2048;

/// How long the server keeps a request for messages, if the consumer allows it.
const EXPIRES: Duration = Duration::from_secs(30);

/// How often the server reports that it still has the request.
const HEARTBEAT: Duration = Duration::from_secs(5);

/// When to request again after a request has ended at once without messages.
const AGAIN: Duration = Duration::from_secs(1);

/// After so many times without a report, the server no longer has the request.
const SILENCE: u32 = 3;

/// How much later than requested a request may end.
const LATER: Duration = Duration::from_secs(1);

/// The requests of one connection.
pub(super) struct Pull {
    /// The subject at which messages are requested.
    next: Subject,
    /// How the subjects begin at which messages and reports arrive.
    inbox: String,
    /// The most in one request.
    most: Bounds,
    /// How long the server keeps a request.
    expires: Duration,
    /// The messages and bytes that may arrive.
    room: Bounds,
    /// The most memory that a message has taken besides its bytes on the line.
    besides: usize,
    /// The request that has not ended.
    open: Option<Request>,
    /// How many there were.
    number: u64,
    /// When the next one may be made, if not now.
    pause: Option<Instant>,
    /// The largest message that the server accepts, in bytes.
    largest: usize,
    /// Whether messages come again, or may: the server sends these first.
    again: bool,
    /// Whether requests have a bound of bytes all the same: behind a message that ended a connection.
    by_bytes: bool,
    /// Until when each has one message.
    alone: Option<Instant>,
    /// Whether the last one has ended without a report.
    unreported: bool,
    /// Whether the next message is larger than the bytes of the request.
    exceeds: bool,
    /// Ticks as often as the server should report something.
    listening: Interval,
    /// The ticks since the last message or report.
    silent: u32,
}

/// One request.
struct Request {
    /// The subject at which its reports arrive. Its messages have subjects of their own.
    reply: Subject,
    /// The messages and bytes that have not arrived.
    left: Bounds,
    /// Whether there is no bound of bytes.
    is_for_any: bool,
    /// Whether none of its messages has come.
    is_untouched: bool,
    made: Instant,
    /// The request until the client has it. A task that waits for the client may be dropped.
    unsent: Option<Bytes>,
}

impl Pull {
    /// For requests of at most so much, which the server keeps for at most so long, and of messages that are not larger than this. Messages
    /// and reports arrive at subjects with one more part than the inbox.
    pub(super) fn new(next: Subject, inbox: &str, most: Bounds, expires: Duration, largest: usize) -> Self {
        let mut listening = interval_at(after(HEARTBEAT), HEARTBEAT);
        listening.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self {
            next,
            inbox: inbox.to_owned(),
            most: Bounds { messages: most.messages, bytes: most.bytes.min(MOST_BYTES) },
            expires: expires.min(EXPIRES),
            room: Bounds { messages: 0, bytes: 0 },
            besides: BESIDES,
            open: None,
            number: 0,
            pause: None,
            largest,
            again: true,
            by_bytes: false,
            alone: None,
            unreported: false,
            exceeds: false,
            listening,
            silent: 0,
        }
    }

    /// Allows this many more messages and bytes to arrive from now on. If there is a message and no byte left, one message may arrive.
    pub(super) fn allow(&mut self, room: Bounds) {
        self.room = Bounds { messages: room.messages, bytes: room.bytes.max(1) };
    }

    /// Requests one message at a time until then.
    pub(super) fn alone(&mut self, until: Option<Instant>) {
        self.alone = until;
    }

    /// Requests messages by their bytes, also messages that come again.
    pub(super) fn by_bytes(&mut self) {
        self.by_bytes = true;
    }

    /// Whether there is a request that has not ended, as far as is known.
    pub(super) fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// Requests nothing for this long.
    pub(super) fn hold(&mut self, long: Duration) {
        self.pause = Some(after(long));
    }

    /// Requests messages if more may arrive and there is no request. Cancel-safe.
    pub(super) async fn request(&mut self, connected: &Connected) -> Result<(), Error> {
        self.make();
        let Some(Request { reply, unsent, .. }) = &mut self.open else { return Ok(()) };
        let Some(request) = unsent.clone() else { return Ok(()) };
        let client = &connected.client;
        let published = client.publish_with_reply(self.next.clone(), reply.clone(), request);
        published.await.map_err(failure::publish)?;
        *unsent = None;
        Ok(())
    }

    /// Makes the next request, if it is its time.
    fn make(&mut self) {
        let now = Instant::now();
        let Self { room, most, besides, .. } = self;
        if self.open.is_some() || self.pause.is_some_and(|until| until > now) {
            return;
        }
        self.pause = None;
        if room.messages == 0 || room.bytes == 0 {
            return;
        }
        // At least half of the bytes stay for messages after their memory besides the bytes on the line.
        let fitting = room.bytes.checked_div(besides.saturating_mul(2)).unwrap_or(usize::MAX).max(1);
        let at_once = if self.alone.is_some_and(|until| now < until) { 1 } else { most.messages };
        let batch = room.messages.min(at_once).min(fitting);
        let bytes = room.bytes.saturating_sub(batch.saturating_mul(*besides)).clamp(1, most.bytes.max(1));
        let exceeds = std::mem::take(&mut self.exceeds);
        let is_for_any = exceeds || (self.again && !self.by_bytes);
        let expires = self.expires.as_nanos();
        let times =
            format!(r#""expires":{expires},"idle_heartbeat":{}"#, HEARTBEAT.as_nanos().min(expires / 3));
        let (left, request) = match is_for_any {
            // The bound plus one message, as everywhere.
            true => {
                let whole = bytes.checked_div(self.largest).unwrap_or(1).max(1);
                let batch = if exceeds { 1 } else { batch.min(whole) };
                (Bounds { messages: batch, bytes: usize::MAX }, format!(r#"{{"batch":{batch},{times}}}"#))
            }
            false => {
                let request = format!(r#"{{"batch":{batch},"max_bytes":{bytes},{times}}}"#);
                (Bounds { messages: batch, bytes }, request)
            }
        };
        self.number = self.number.wrapping_add(1);
        if !std::mem::take(&mut self.unreported) {
            self.silent = 0;
        }
        self.open = Some(Request {
            reply: format!("{}.{}", self.inbox, self.number).into(),
            left,
            is_for_any,
            is_untouched: true,
            made: now,
            unsent: Some(request.into()),
        });
    }

    /// A message has come. The arguments are its bytes as the server counts them, its bytes in memory, and whether it comes again.
    pub(super) fn arrived(&mut self, bytes: usize, in_memory: usize, again: bool) {
        self.silent = 0;
        self.again = again;
        self.besides = self.besides.max(in_memory.saturating_sub(bytes));
        // Counts against the bounds of the last `allow`: several messages may be taken before the next `allow`.
        self.room.messages = self.room.messages.saturating_sub(1);
        self.room.bytes = self.room.bytes.saturating_sub(in_memory);
        let Some(request) = &mut self.open else { return };
        request.is_untouched = false;
        request.left.messages = request.left.messages.saturating_sub(1);
        request.left.bytes = request.left.bytes.saturating_sub(bytes);
        // Either ends it, before 2.12 without a report.
        if request.left.messages == 0 || request.left.bytes == 0 {
            self.open = None;
        }
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
                if let Some(request) = self.open.take_if(|request| request.reply == message.subject) {
                    self.ended(&request, begins(description, "message size exceeds"));
                }
                Ok(())
            }
            StatusCode::NO_RESPONDERS => Err(failure::disconnected("JetStream is not available")),
            _ => Err(failure::disconnected(format!("the consumer ended: {status} {description}"))),
        }
    }

    /// The server has ended a request. One reason is that the next message is larger than the rest of the request.
    fn ended(&mut self, request: &Request, is_too_small: bool) {
        if !request.is_untouched {
            return;
        }
        if is_too_small && !request.is_for_any {
            self.exceeds = true;
        } else if request.made.elapsed() < AGAIN {
            // The server cannot hold it, or has no leader: the same request would end in the same way.
            self.pause = request.made.checked_add(AGAIN);
        }
    }

    /// Returns when more may be requested, behind a pause or a request that has ended. Returns an error when the server has reported
    /// nothing for too long. Cancel-safe.
    pub(super) async fn wait(&mut self) -> Result<(), Error> {
        let is_open = self.open.is_some();
        let ends =
            self.open.as_ref().and_then(|open| open.made.checked_add(self.expires.saturating_add(LATER)));
        let until = async |time| match time {
            Some(time) => sleep_until(time).await,
            None => pending().await,
        };
        let (mut pausing, mut ending) = (pin!(until(self.pause)), pin!(until(ends)));
        loop {
            tokio::select! {
                () = &mut pausing => return Ok(()),
                // Some servers end a request without a report, such as 2.9 when a message comes just then.
                () = &mut ending => {
                    self.open = None;
                    self.unreported = true; // whether the server is there shows the next one
                    return Ok(());
                }
                _ = self.listening.tick(), if is_open => {}
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

/// Whether the same request would end in the same way, for good.
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
    use futures_util::FutureExt;

    const ROOM: Bounds = Bounds { messages: 50, bytes: 1 << 20 };

    fn pull(most: Bounds, expires: Duration) -> Pull {
        let mut pull = Pull::new("next".into(), "inbox", most, expires, 1 << 20);
        pull.again = false;
        pull
    }

    fn any() -> Pull {
        pull(Bounds { messages: 100, bytes: usize::MAX }, Duration::MAX)
    }

    /// The subject for replies of the request that is made now, and its payload.
    fn made(pull: &mut Pull) -> Option<(String, serde_json::Value)> {
        pull.make();
        let Request { reply, unsent, .. } = pull.open.as_mut()?;
        Some((reply.to_string(), serde_json::from_slice(&unsent.take()?).unwrap()))
    }

    /// The messages and bytes of the request that is made now.
    fn due(pull: &mut Pull) -> Option<(u64, Option<u64>)> {
        let (_, request) = made(pull)?;
        Some((request["batch"].as_u64().unwrap(), request["max_bytes"].as_u64()))
    }

    fn report(pull: &mut Pull, request: u64, status: StatusCode, description: &str) {
        let message = Message {
            subject: format!("inbox.{request}").into(),
            reply: None,
            payload: Bytes::new(),
            headers: None,
            status: Some(status),
            description: Some(description.into()),
            length: 0,
        };
        pull.report(status, &message).unwrap();
    }

    #[test]
    fn what_does_not_pass() {
        assert!(is_permanent("Consumer Deleted") && is_permanent("Exceeded MaxRequestBatch of 5"));
        assert!(!is_permanent("Leadership Change") && !is_permanent("Message Size Exceeds MaxBytes"));
    }

    #[tokio::test]
    async fn a_request_fits_into_the_room_and_into_what_a_server_holds() {
        let mut pull = any();
        assert_eq!(due(&mut pull), None);
        pull.allow(ROOM);
        let bytes = (ROOM.bytes - 50 * BESIDES) as u64;
        assert_eq!((due(&mut pull), due(&mut pull)), (Some((50, Some(bytes))), None));
        (0..50).for_each(|_| pull.arrived(100, 200, false));
        assert_eq!(due(&mut pull), None, "the room is used up");
        pull.allow(Bounds { messages: 10_000, bytes: usize::MAX });
        assert_eq!(due(&mut pull), Some((100, Some(MOST_BYTES as u64))));
        pull.arrived(MOST_BYTES, MOST_BYTES, false); // which ends it
        assert!(due(&mut pull).is_some());
        // Messages of nothing but headers.
        pull.arrived(100, 3000 + 100, false);
        (pull.open, pull.room) = (None, Bounds { messages: 100, bytes: 60_000 });
        assert_eq!(due(&mut pull), Some((10, Some(30_000))));
    }

    /// The server says of each request that it has ended, and the next one is made before that is read.
    #[tokio::test]
    async fn a_report_about_an_earlier_request_changes_nothing() {
        let mut pull = any();
        pull.allow(ROOM);
        assert!(due(&mut pull).is_some());
        (0..50).for_each(|_| pull.arrived(1, 1, false));
        pull.allow(ROOM);
        assert!(due(&mut pull).is_some());
        report(&mut pull, 1, StatusCode::REQUEST_TERMINATED, "Batch Completed");
        assert!(due(&mut pull).is_none() && pull.open.is_some());
        report(&mut pull, 2, StatusCode::TIMEOUT, "Request Timeout");
        assert!(pull.open.is_none());
    }

    #[tokio::test]
    async fn a_message_beyond_the_bytes_is_requested_alone() {
        let mut pull = any();
        pull.allow(ROOM);
        assert!(due(&mut pull).is_some());
        pull.arrived(100, 100, false);
        let ends = |pull: &mut Pull| {
            let number = pull.number;
            report(pull, number, StatusCode::REQUEST_TERMINATED, "Message Size Exceeds MaxBytes");
        };
        ends(&mut pull);
        assert!(matches!(due(&mut pull), Some((_, Some(_)))), "it may fit into another one");
        ends(&mut pull);
        assert_eq!(due(&mut pull), Some((1, None)));
        pull.arrived(ROOM.bytes * 2, ROOM.bytes * 2, false);
        assert_eq!(due(&mut pull), None, "there is no room, until something is settled");
    }

    #[tokio::test]
    async fn what_comes_again_is_requested_without_a_bound_of_bytes() {
        let most = Bounds { messages: 100, bytes: usize::MAX };
        let mut pull = Pull::new("next".into(), "inbox", most, Duration::MAX, 1 << 20);
        pull.allow(Bounds { messages: 100, bytes: usize::MAX });
        assert_eq!(due(&mut pull), Some((16, None)));
        (0..16).for_each(|_| pull.arrived(100, 100, true));
        pull.allow(Bounds { messages: 100, bytes: 3 << 20 });
        assert_eq!(due(&mut pull), Some((2, None)), "with what messages take besides");
        pull.arrived(100, 100, true);
        pull.arrived(100, 100, false);
        pull.allow(ROOM);
        assert!(matches!(due(&mut pull), Some((50, Some(_)))));
    }

    #[tokio::test(start_paused = true)]
    async fn messages_are_requested_one_by_one_for_a_while_and_not_at_all_while_it_is_held() {
        let mut pull = any();
        pull.allow(ROOM);
        pull.hold(Duration::from_secs(5));
        pull.alone(Some(after(Duration::from_secs(60))));
        assert_eq!(due(&mut pull), None);
        pull.wait().await.unwrap();
        for _ in 0..2 {
            assert_eq!(due(&mut pull).map(|(messages, _)| messages), Some(1));
            pull.arrived(1, 1, false);
        }
        tokio::time::advance(Duration::from_secs(55)).await;
        assert_eq!(due(&mut pull).map(|(messages, _)| messages), Some(48));
    }

    /// The server cannot hold it, or has no leader.
    #[tokio::test(start_paused = true)]
    async fn what_ends_at_once_is_requested_again_behind_a_pause() {
        for description in ["Exceeded MaxWaiting", "Leadership Change", "Server Shutdown"] {
            let mut pull = any();
            pull.allow(ROOM);
            assert!(due(&mut pull).is_some());
            report(&mut pull, 1, StatusCode::REQUEST_TERMINATED, description);
            assert_eq!(due(&mut pull), None);
            let begun = Instant::now();
            pull.wait().await.unwrap();
            assert!(begun.elapsed() >= AGAIN && due(&mut pull).is_some());
            assert!(pull.wait().now_or_never().is_none(), "the pause is over");
        }
    }

    /// One that has ended without a report is made again, and a server that is gone is noticed all the same.
    #[tokio::test(start_paused = true)]
    async fn a_request_that_must_have_ended_is_made_again() {
        let mut pull = any();
        pull.allow(ROOM);
        assert!(due(&mut pull).is_some());
        let begun = Instant::now();
        for _ in 0..2 {
            let silent = tokio::time::timeout(Duration::from_secs(14), pull.wait()).await;
            assert!(silent.is_err() && due(&mut pull).is_none());
            report(&mut pull, 1, StatusCode::IDLE_HEARTBEAT, "Idle Heartbeat");
        }
        pull.wait().await.unwrap();
        assert!((EXPIRES..EXPIRES + 2 * LATER).contains(&begun.elapsed()) && due(&mut pull).is_some());
        assert!(pull.wait().await.is_err() && begun.elapsed() < Duration::from_secs(50));
    }

    #[tokio::test]
    async fn a_request_ends_when_the_consumer_wants_and_is_reported_before() {
        for (most, expected) in [(5, (5.0, 5.0 / 3.0)), (3600, (30.0, 5.0))] {
            let mut pull = pull(ROOM, Duration::from_secs(most));
            pull.allow(ROOM);
            let (_, request) = made(&mut pull).unwrap();
            let seconds = |name: &str| Duration::from_nanos(request[name].as_u64().unwrap()).as_secs_f64();
            let (expires, heartbeat) = (seconds("expires"), seconds("idle_heartbeat"));
            assert!(
                (expires - expected.0).abs() < 0.01 && (heartbeat - expected.1).abs() < 0.01,
                "{request}"
            );
        }
    }
}
