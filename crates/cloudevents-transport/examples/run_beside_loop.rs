//! Measures what `run` costs beside a loop that does the same: messages of a source that is always ready, a handler that does nothing.
//!
//! ```text
//! cargo run --profile bench -p cloudevents-transport --example run_beside_loop
//! ```

#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

use cloudevents_core::{DecodeOptions, Decoded, Error, Event, Message};
use cloudevents_transport::{
    OrderBy, Outcome, Raw, Received, Receiver, ReceiverCapabilities, Settlement,
    binding::{Incoming, Receive, Settle, Token},
};
use std::time::{Duration, Instant};

const COUNT: usize = 1_000_000;
const ROUNDS: usize = 9;

/// The same message, over and over.
struct Source(Received, usize);

struct Nothing;

impl Settle for Nothing {
    fn settle(self: Box<Self>, _: Settlement) -> Outcome {
        Outcome::done()
    }
}

impl Source {
    fn new() -> Self {
        let event = Event::builder().id("1").source("/s").ty("t").text("a payload").build().unwrap();
        Self(Received::new(Ok(Decoded::clean(Message::from(event))), Raw::default()), COUNT)
    }

    fn take(&mut self) -> Option<Incoming> {
        self.1 = self.1.checked_sub(1)?;
        Some(Incoming::new(self.0.clone(), Token::new(Nothing)))
    }
}

impl Receive for Source {
    fn capabilities(&self) -> ReceiverCapabilities {
        ReceiverCapabilities::queue()
    }

    async fn next(&mut self) -> Result<Option<Incoming>, Error> {
        Ok(self.take())
    }

    async fn drain(&mut self, _: Duration) -> Result<(), Error> {
        Ok(())
    }
}

async fn by_loop() {
    let mut receiver = Receiver::new(Source::new(), DecodeOptions::strict());
    while let Some(delivery) = receiver.next().await.unwrap() {
        let event = delivery.event().unwrap();
        std::hint::black_box(event.id());
        delivery.accept().await.unwrap();
    }
}

async fn by_run(order: OrderBy) {
    let receiver = Receiver::new(Source::new(), DecodeOptions::strict());
    let handle = async |event: Event| {
        std::hint::black_box(event.id());
    };
    receiver.run(handle).in_order(order).await.unwrap();
}

async fn by_run_that_waits() {
    let receiver = Receiver::new(Source::new(), DecodeOptions::strict());
    let handle = async |event: Event| {
        tokio::task::yield_now().await;
        std::hint::black_box(event.id());
    };
    receiver.run(handle).await.unwrap();
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let mut times: [Vec<f64>; 4] = Default::default();
    for _ in 0..ROUNDS {
        for (which, times) in times.iter_mut().enumerate() {
            let begun = Instant::now();
            match which {
                0 => by_loop().await,
                1 => by_run(OrderBy::None).await,
                2 => by_run(OrderBy::Partition).await,
                _ => by_run_that_waits().await,
            }
            times.push(begun.elapsed().as_secs_f64());
        }
    }
    let names = ["loop", "run", "run, in order", "run, a handler that waits"];
    let median = |times: &mut Vec<f64>| {
        times.sort_by(f64::total_cmp);
        times.get(ROUNDS / 2).copied().unwrap_or_default()
    };
    let [of_loop, others @ ..] = times.each_mut().map(median);
    for (name, time) in names.into_iter().zip([of_loop].into_iter().chain(others)) {
        println!(
            "{name:28}{:7.0} ns a message, {:.2} of the loop",
            time * 1e9 / COUNT as f64,
            of_loop / time
        );
    }
}
