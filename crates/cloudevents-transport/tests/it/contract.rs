//! The contract suite on both fakes.

use cloudevents_core::{Error, ErrorKind, Message};
use cloudevents_transport::{
    Bounds, Content, Outcome, Outgoing, Receipt, Receiver, ReceiverOptions, Sender, SenderCapabilities,
    binding::{Transmit, log::LogOptions},
    contract::{self, Claims, Venue, check_all},
    fake::{FakeLog, FakeQueue},
};
use std::time::Duration;

struct Queue(FakeQueue);

/// With patience for a slow machine, and a short wait for what must not happen.
fn claims() -> Claims {
    let mut claims = Claims::default();
    claims.patience = Duration::from_secs(60);
    claims.quiet = Duration::from_millis(50);
    claims.attempts = Some(10); // those of `Delivery::retry`
    claims
}

impl Venue for Queue {
    fn claims(&self) -> Claims {
        claims()
    }

    async fn sender(&self) -> Result<Sender, Error> {
        Ok(self.0.sender())
    }

    async fn receiver(&self, options: ReceiverOptions) -> Result<Receiver, Error> {
        Ok(self.0.receiver(options))
    }

    async fn put_garbage(&self, kind: ErrorKind, body: &[u8]) -> Result<(), Error> {
        self.0.push_garbage(kind, body);
        Ok(())
    }

    async fn interrupt(&self) -> Result<(), Error> {
        self.0.refuse_connections(Some(ErrorKind::Disconnected));
        self.0.cut();
        tokio::time::sleep(claims().quiet).await; // down for a while
        self.0.refuse_connections(None);
        Ok(())
    }
}

struct Log(FakeLog, bool);

impl Venue for Log {
    fn claims(&self) -> Claims {
        claims()
    }

    async fn sender(&self) -> Result<Sender, Error> {
        Ok(self.0.sender())
    }

    async fn receiver(&self, options: ReceiverOptions) -> Result<Receiver, Error> {
        let log_options = match self.1 {
            true => LogOptions::default().with_sink(self.0.sink()),
            false => LogOptions::default().dropping_rejected(),
        };
        Ok(self.0.receiver(options, log_options)?.0)
    }

    async fn put_garbage(&self, kind: ErrorKind, body: &[u8]) -> Result<(), Error> {
        self.0.append_garbage(0, kind, body);
        Ok(())
    }
}

/// Asserts that all checks hold except these unclaimed ones: the fakes take any size and have no requests, and the log has no
/// connections.
fn all_hold(report: contract::Report) {
    report.assert_holds_but(&[SIZE, REPLIES]);
}

fn all_hold_of_a_log(report: contract::Report) {
    report.assert_holds_but(&[
        SIZE,
        REPLIES,
        "a_broker_that_stops_and_starts_loses_nothing",
        "a_receiver_outlives_its_broker",
    ]);
}

const REPLIES: &str = "requests_get_their_own_replies";
const SIZE: &str = "what_is_too_large_is_refused_and_blocks_nothing";

#[tokio::test(start_paused = true)]
async fn queue() {
    all_hold(check_all(async || Ok(Queue(FakeQueue::new()))).await);
}

#[tokio::test(start_paused = true)]
async fn queue_with_little_room_for_sending() {
    let bounds = Bounds { messages: 3, bytes: 10 };
    all_hold(check_all(async || Ok(Queue(FakeQueue::with_bounds(2000, bounds)))).await);
}

#[tokio::test(start_paused = true)]
async fn log_of_one_partition_with_a_sink() {
    all_hold_of_a_log(check_all(async || Ok(Log(FakeLog::new(1), true))).await);
}

#[tokio::test(start_paused = true)]
async fn log_of_many_partitions_dropping_rejected() {
    all_hold_of_a_log(check_all(async || Ok(Log(FakeLog::new(7), false))).await);
}

/// Also on real threads with a real clock.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn queue_on_threads() {
    all_hold(check_all(async || Ok(Queue(FakeQueue::new()))).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn log_on_threads() {
    all_hold_of_a_log(check_all(async || Ok(Log(FakeLog::new(3), true))).await);
}

/// A suite that cannot fail proves nothing.
#[tokio::test(start_paused = true)]
async fn a_broken_transport_is_found() {
    struct Lossy(FakeQueue);
    impl Venue for Lossy {
        fn claims(&self) -> Claims {
            let mut claims = claims();
            claims.patience = Duration::from_secs(1);
            claims
        }
        async fn sender(&self) -> Result<Sender, Error> {
            Ok(FakeQueue::new().sender()) // sends elsewhere
        }
        async fn receiver(&self, options: ReceiverOptions) -> Result<Receiver, Error> {
            Ok(self.0.receiver(options))
        }
    }
    let report = check_all(async || Ok(Lossy(FakeQueue::new()))).await;
    assert!(!report.holds());
    assert!(
        report.to_string().contains("FAILED       everything_arrives: nothing came within 1s"),
        "{report}"
    );
}

/// Sends twice, loses headers that it claims to carry, and returns a wrong place.
struct Liar(Sender);

impl Transmit for Liar {
    fn capabilities(&self) -> SenderCapabilities {
        let mut capabilities = self.0.capabilities();
        capabilities.batches = false;
        capabilities
    }

    async fn enqueue(&self, outgoing: Outgoing) -> Result<Outcome<Receipt>, Error> {
        let Content::Message(message) = outgoing.content() else {
            return Err(Error::new(ErrorKind::Unsupported));
        };
        drop(self.0.enqueue(message).await?);
        drop(self.0.enqueue(message).await?);
        Ok(Outcome::ready(Ok(Receipt::new().with_offset(999))))
    }

    async fn request(&self, outgoing: Outgoing, _: Duration) -> Result<Message, Error> {
        let Content::Message(message) = outgoing.content() else {
            return Err(Error::new(ErrorKind::Unsupported));
        };
        Ok(message.clone())
    }

    async fn close(&self) -> Result<(), Error> {
        self.0.close().await
    }
}

#[tokio::test(start_paused = true)]
async fn a_sender_that_lies_is_found() {
    struct Lying(FakeQueue);
    impl Venue for Lying {
        fn claims(&self) -> Claims {
            let mut claims = claims();
            claims.too_large = Some(100);
            claims
        }
        async fn sender(&self) -> Result<Sender, Error> {
            Ok(Sender::new(Liar(self.0.sender())))
        }
        async fn receiver(&self, options: ReceiverOptions) -> Result<Receiver, Error> {
            Ok(self.0.receiver(options))
        }
        async fn interrupt(&self) -> Result<(), Error> {
            Ok(())
        }
    }
    let report = check_all(async || Ok(Lying(FakeQueue::new()))).await;
    let text = report.to_string();
    for failure in [
        "every_mode_arrives_or_is_refused: ",
        "receipts_say_where: ",
        "what_goes_along_arrives_or_is_refused: ",
        "what_is_too_large_is_refused_and_blocks_nothing: a message that is too large",
        "requests_without_replies_are_refused: ",
        "a_dropped_send_arrives_once_or_never: ",
        "a_broker_that_stops_and_starts_loses_nothing: ",
    ] {
        assert!(text.contains(&format!("FAILED       {failure}")), "{failure}\n{text}");
    }
}
