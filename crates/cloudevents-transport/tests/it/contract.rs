//! The contract suite on both fakes.

use cloudevents_core::{Error, ErrorKind};
use cloudevents_transport::{
    Bounds, Receiver, ReceiverOptions, Sender,
    contract::{self, Claims, Venue, check_all},
    fake::{FakeLog, FakeQueue},
    log::LogOptions,
};
use std::time::Duration;

struct Queue(FakeQueue);

/// Patient enough for a slow machine, and looking briefly for what must not happen.
fn claims() -> Claims {
    let mut claims = Claims::default();
    claims.patience = Duration::from_secs(60);
    claims.quiet = Duration::from_millis(50);
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

/// Nothing may go unclaimed on the fakes.
fn all_hold(report: contract::Report) {
    assert!(report.iter().all(|(_, verdict)| matches!(verdict, Ok(contract::Verdict::Holds))), "\n{report}");
}

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
    all_hold(check_all(async || Ok(Log(FakeLog::new(1), true))).await);
}

#[tokio::test(start_paused = true)]
async fn log_of_many_partitions_dropping_rejected() {
    all_hold(check_all(async || Ok(Log(FakeLog::new(7), false))).await);
}

/// On real threads and a real clock, too.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn queue_on_threads() {
    all_hold(check_all(async || Ok(Queue(FakeQueue::new()))).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn log_on_threads() {
    all_hold(check_all(async || Ok(Log(FakeLog::new(3), true))).await);
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
