//! `ce send --failed`: the events that the other side did not take, in a file.

use crate::{
    connect::{self, Sending},
    console::Console,
    failure::{Failure, Status},
    input,
};
use cloudevents_kit::{Event, Sender, transport::LossPolicy};
use std::path::{Path, PathBuf};

/// A file with an event on each line, which `ce send` reads.
pub(super) struct Undelivered(Sender);

impl Undelivered {
    /// Opens the file, and creates it if there is none. It is none of `inputs`, which would never end.
    pub(super) async fn open(path: &Path, inputs: &[PathBuf]) -> Result<Self, Failure> {
        for input in inputs {
            input::check_written(input, path)?;
        }
        let sending = Sending { losses: LossPolicy::Log, ..Sending::default() };
        Ok(Self(connect::sender(&format!("file:{}", path.display()), &sending).await?))
    }

    /// Appends these events.
    pub(super) async fn keep(&self, events: &[Event], console: &Console) {
        for event in events {
            if let Err(error) = self.0.send(event.clone()).await {
                console.error(Status::Network, &connect::report(&error));
            }
        }
    }
}
