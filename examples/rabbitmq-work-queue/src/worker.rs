//! The worker.

use cloudevents_kit::{Error, Event, Receiver, transport::Failure};
use std::{
    collections::HashSet,
    sync::{Mutex, PoisonError},
};

/// The number of jobs processed at once.
const AT_ONCE: usize = 8;

/// Runs until it is stopped, then finishes the jobs in progress. An error of a job is a retry, at most as often as
/// the URL says; [`Failure::reject`] makes it a dead letter at once.
pub(crate) async fn run(receiver: Receiver, stop: impl Future<Output = ()>) -> Result<(), Error> {
    let studio = Studio::default();
    receiver.run(async |event: Event| studio.resize(&event)).concurrency(AT_ONCE).until(stop).await
}

/// Does the work.
#[derive(Default)]
struct Studio {
    seen: Mutex<HashSet<String>>,
}

impl Studio {
    fn resize(&self, event: &Event) -> Result<(), Failure> {
        if !event.ty().starts_with("com.example.picture.") {
            return Err(Failure::reject(format!("{} is no picture", event.ty())));
        }
        let first = self.seen.lock().unwrap_or_else(PoisonError::into_inner).insert(event.id().to_owned());
        if first && event.ty().ends_with(".large") {
            // The next attempt, by this worker or another one, finds the disk empty.
            return Err(Failure::from(std::io::Error::other("no space on the disk")));
        }
        println!("resized {}", event.id());
        Ok(())
    }
}
