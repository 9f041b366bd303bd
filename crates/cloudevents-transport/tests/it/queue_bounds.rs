//! A queue under failures: its messages in memory stay within the bounds, and are handled in the end.

use crate::{event, log_bounds::Gate};
use cloudevents_core::{ErrorKind, Event};
use cloudevents_transport::{
    Bounds, Failure, ReceiverOptions, RunState, UnreadablePolicy, binding::queue::QueueOptions,
    fake::FakeQueue,
};
use std::{
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    time::Duration,
};
use tokio::time::{Instant, sleep, timeout};

/// How many messages the receiver may hold, wherever they are: prefetched, in a handler, or at the sink.
const CREDIT: usize = 100;

/// The sink, the handlers and the broker fail in turn while messages keep arriving. Held messages stay within
/// the bounds, and in the end all are handled.
#[tokio::test(start_paused = true)]
async fn nothing_grows_while_everything_fails() {
    let seconds = std::env::var("CE_LONG_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(20);
    let each = Duration::from_secs(seconds);
    let queue = FakeQueue::with_credit(CREDIT);
    let sink = Gate::closed(false);
    let mut options = ReceiverOptions::default();
    options.not_cloudevents = UnreadablePolicy::Reject;
    options.in_flight = Bounds { messages: 50, bytes: 1 << 20 };
    let receiver = queue.receiver_with(options, QueueOptions::default().with_sink(sink.clone()));
    let (counters, in_flight) = (receiver.counters(), receiver.in_flight().clone());
    let activity = receiver.activity();
    let (fails, done, sent) = (AtomicBool::new(false), AtomicBool::new(false), AtomicUsize::new(0));
    let handle = async |event: Event| -> Result<(), Failure> {
        sleep(Duration::from_millis(1)).await;
        if event.id() == "reject" {
            return Err(Failure::reject("as its name says"));
        }
        if fails.load(Ordering::Relaxed) { Err("out of order")? } else { Ok(()) }
    };
    let load = async {
        let sender = queue.sender();
        let mut number = 0;
        while !done.load(Ordering::Relaxed) {
            number += 1;
            let put = match number % 10 {
                0 => {
                    queue.push_garbage(ErrorKind::NotACloudEvent, b"foreign");
                    true
                }
                1 => sender.send(&event("reject")).await.is_ok(),
                _ => sender.send(&event(number)).await.is_ok(),
            };
            // A message that failed was not taken: the queue confirms at once.
            sent.fetch_add(usize::from(put), Ordering::Relaxed);
            sleep(Duration::from_millis(10)).await;
        }
    };
    let settled = || counters.snapshot().accepted as usize + sink.kept();
    let held = || sent.load(Ordering::Relaxed).saturating_sub(queue.len() + settled());
    let faults = async {
        let watch = async |time: Duration| {
            let (until, mut most) = (Instant::now() + time, 0);
            while Instant::now() < until {
                assert!(in_flight.used().messages <= 50, "{in_flight:?}");
                assert!(held() <= CREDIT, "{} messages are held", held());
                most = most.max(held());
                sleep(Duration::from_millis(100)).await;
            }
            most
        };
        // The sink stalls: in the end, it has all the room.
        assert_eq!(watch(each).await, CREDIT);
        assert_eq!(activity.state(), RunState::Blocked);
        sink.open();
        watch(Duration::from_secs(1)).await;
        fails.store(true, Ordering::Relaxed); // the handlers fail
        watch(each).await;
        fails.store(false, Ordering::Relaxed);
        watch(Duration::from_secs(1)).await;
        queue.refuse_connections(Some(ErrorKind::Disconnected)); // the broker fails
        queue.cut();
        watch(each).await;
        queue.refuse_connections(None);
        done.store(true, Ordering::Relaxed);
        let everything = async {
            while !queue.is_empty() || held() > 0 {
                sleep(Duration::from_millis(100)).await;
            }
        };
        timeout(Duration::from_secs(3600), everything).await.unwrap();
    };
    let (faults_done, ended) = tokio::sync::oneshot::channel::<()>();
    let running = receiver.run(handle).concurrency(64).until(ended);
    let faults = async {
        faults.await;
        drop(faults_done);
    };
    let (running, (), ()) = tokio::join!(running, faults, load);
    running.unwrap();
    assert!(counters.snapshot().outages >= 1, "{}", counters.snapshot());
}
