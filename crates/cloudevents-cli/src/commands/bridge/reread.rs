//! Settings that are read again after SIGHUP.

use super::{
    config::Config,
    open::{self, Settings},
    options::Bridge,
};
use crate::{commands::hangup::Hangup, connect, console::Console, failure::Failure, report::Report};
use std::{future::pending, sync::Arc};
use tokio::{sync::watch, task::spawn_blocking};

/// The last valid settings that were read after SIGHUP.
///
/// A task reads them beside the work of the bridge. That work may be given up at any moment, and no signal is lost with it.
pub(super) struct Reread(watch::Receiver<Option<Arc<Settings>>>);

impl Reread {
    /// Starts watching for the signal, if there is a file to read again: otherwise it ends the program as usual.
    pub(super) fn watch(command: &Bridge, console: &Console) -> Self {
        let (newest, seen) = watch::channel(None);
        if command.config.is_some()
            && let Some(mut hangup) = Hangup::watch()
        {
            let (command, console) = (command.clone(), console.clone());
            tokio::spawn(async move {
                loop {
                    hangup.next().await;
                    let (command, aside, newest) = (command.clone(), console.clone(), newest.clone());
                    // Commands for secrets, and registries, take their time.
                    let read = spawn_blocking(move || match open::settings(&command, &aside) {
                        Ok(settings) => drop(newest.send_replace(Some(Arc::new(settings)))),
                        Err(failure) => refused(failure, &aside),
                    });
                    if read.await.is_err() {
                        refused(Failure::usage("the settings cannot be read"), &console);
                    }
                }
            });
        }
        Self(seen)
    }

    /// Waits for settings to replace the settings of a bridge that runs. None are lost when this future is dropped.
    pub(super) async fn next(&mut self, running: Option<&Config>, console: &Console) -> Arc<Settings> {
        while self.0.changed().await.is_ok() {
            let Some(settings) = self.0.borrow_and_update().clone() else { continue };
            // A file would be read from its beginning, and standard input without the events that were read ahead.
            if !running.is_some_and(|config| matches!(connect::endpoint(&config.from), Ok(None))) {
                return settings;
            }
            let words = "the settings are not read again: FROM is a file, which keeps no position";
            console.report(&Report::warning(words).help("start another bridge when this one has ended"));
        }
        pending().await
    }
}

/// The bridge continues with the settings that it has.
fn refused(failure: Failure, console: &Console) {
    console.report(&Report::warning("the settings were not read again: the old ones stay"));
    failure.tell(console);
}
