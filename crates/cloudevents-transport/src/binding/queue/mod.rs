//! Receiving from a queue, where messages are settled one by one or not at all.
//!
//! This module implements the common parts of all queues. One task owns the connection. It grants permits, hands messages over, groups
//! settlements, waits before retries, renews deadlines while deliveries are held, and reconnects. Depending on the
//! [capabilities](QueueSource::capabilities) of the source, the task does from memory the operations that the protocol lacks:
//!
//! - **Accept** and **release** are settlements of the protocol. After 32 releases in a row, each further one
//!   waits a second, so that a program that releases everything does not cause a busy loop.
//! - **Retry**: either the broker waits and delivers again, or the message stays unsettled here until its
//!   delay is over, or, if the broker has forgotten it, it is delivered again from memory. Delays are limited
//!   to [`QueueOptions::longest_delay`].
//! - **Reject** passes the message to the dead-letter sink, and settles it when the sink has it. While the
//!   sink declines it, the message is delivered again. Without a sink, the options decide: the broker rejects
//!   the message (an error of kind [`Unsupported`](cloudevents_core::ErrorKind::Unsupported) if the protocol
//!   cannot), or it is dropped.
//! - When the receiver **ends**, the source is stopped, and the remaining messages go back in the order of the queue: prefetched messages,
//!   messages that were released since the [stop](crate::Stopper), and messages that waited for a retry. A delivery that is released after
//!   [`drain`](crate::Receiver::drain) has begun goes back then, behind those.
//! - **Extend** renews the deadline. The task also does so until a delivery is settled: while it is held, waits for another attempt
//!   or for the dead-letter sink.
//! - When a **connection is lost**, the task reconnects. The broker delivers the messages of the lost
//!   connection again; settling the old deliveries is an error of kind
//!   [`Disconnected`](cloudevents_core::ErrorKind::Disconnected). [`next`](crate::Receiver::next) fails only
//!   with errors that are not temporary, and when the task panics.
//!
//! A message counts in the bounds, by count and by bytes, until the broker has its settlement. Its bytes stop
//! counting when only its tag is kept.
//!
//! A binding implements [`QueueSource`] over its client, and [`Connect`], and gives a [`QueueReceiver`] to
//! [`Receiver::new`](crate::Receiver::new). Where each operation is a request, it implements the smaller [`Requests`](polled::Requests).

pub mod polled;

mod options;
mod rejected;
mod renewals;
mod settling;
mod source;
mod task;
mod ticket;

pub use options::{QueueOptions, Room};
pub use source::{Arrived, QueueSource};

use crate::{
    By, Connectivity, Extends, InFlight, LetterBox, ReceiverCapabilities, Stopper,
    binding::{
        Incoming, Receive,
        connect::{Connect, Reconnect},
    },
    receiving::dead_letter_sink::Rejected,
};
use cloudevents_core::{Error, ErrorKind};
use std::{
    fmt,
    future::poll_fn,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};
use task::{Task, come_again};
use ticket::{Intake, Untaken};
use tokio::{
    runtime::Handle,
    sync::{mpsc, oneshot},
    task::JoinHandle,
    time::timeout,
};

/// The most messages that are handed over ahead, within the prefetched ones, so that the task and the program
/// need not alternate for each message.
const AHEAD: usize = 256;

/// Receives from a [`QueueSource`].
///
/// Dropping it releases prefetched messages. Deliveries can still be settled; then the connection is closed.
pub struct QueueReceiver {
    capabilities: ReceiverCapabilities,
    connectivity: Connectivity,
    incoming: Option<Handover>,
    stopper: Stopper,
    /// Returns the receiving end to the task, because only the task knows that no more messages are on their
    /// way.
    stop: Option<oneshot::Sender<Handover>>,
    task: Option<JoinHandle<Result<(), Error>>>,
    /// All messages that are here, also messages that wait for a dead-letter sink, or for their time.
    here: InFlight,
    letters: LetterBox,
}

/// Messages on their way to the program.
type Handover = Box<dyn Intake>;

impl QueueReceiver {
    /// Connects, and starts the task. Tries every host once, so that a wrong password is an error here.
    ///
    /// Errors: those of [`Connect::connect`], and [`Unsupported`](ErrorKind::Unsupported) if the options do not decide about rejected
    /// messages, and outside a tokio runtime.
    pub async fn open<C>(
        mut reconnect: Reconnect<C>,
        room: Room,
        options: QueueOptions,
    ) -> Result<Self, Error>
    where
        C: Connect<Connection: QueueSource>,
    {
        options.rejected()?;
        let source = reconnect.once().await?;
        Self::start(reconnect, source, room, options)
    }

    /// Starts the task with an existing connection.
    ///
    /// Errors are those of [`open`](Self::open), except for connecting.
    pub fn start<C>(
        reconnect: Reconnect<C>,
        source: C::Connection,
        room: Room,
        options: QueueOptions,
    ) -> Result<Self, Error>
    where
        C: Connect<Connection: QueueSource>,
    {
        let rejected = options.rejected()?;
        let runtime =
            Handle::try_current().map_err(|error| Error::new(ErrorKind::Unsupported).with_source(error))?;
        reconnect.has_connection();
        let connectivity = reconnect.connectivity();
        let mut capabilities = source.capabilities();
        if !matches!(rejected, Rejected::Broker) {
            capabilities.rejects = By::Memory;
        }
        let ahead = match capabilities.extends {
            // All that the source may have: a message that waits in its client is not renewed.
            Extends::Every(_) => room.prefetch.max(1),
            // Less than the prefetch, so that there is always credit to grant.
            _ => (room.prefetch / 4).clamp(1, AHEAD),
        };
        let (out, incoming) = mpsc::channel(ahead);
        let incoming: Handover = Box::new(Untaken(incoming));
        let (stop, stopped) = oneshot::channel();
        let here = InFlight::new(room.bounds);
        let stopper = Stopper::default();
        let settlements = Arc::clone(reconnect.reporter().settlements());
        let task =
            Task::new(room, options, rejected, capabilities, out, here.clone(), stopper.clone(), settlements);
        let letters = task.letters.missing();
        let task = Some(runtime.spawn(task.run(reconnect, source, stopped)));
        let (incoming, stop) = (Some(incoming), Some(stop));
        Ok(Self { capabilities, connectivity, incoming, stopper, stop, task, here, letters })
    }

    /// Returns the next message; `None` if the task has ended, or was stopped.
    fn poll_take(&mut self, context: &mut Context<'_>) -> Poll<Option<Incoming>> {
        loop {
            let Some(incoming) = &mut self.incoming else { return Poll::Ready(None) };
            let taken = ready!(incoming.poll_take(context));
            match taken {
                // The broker delivers the messages of a lost connection again.
                Some(incoming) if !incoming.token.is_current() => {}
                taken => return Poll::Ready(taken),
            }
        }
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<Option<Incoming>, Error>> {
        let taken = ready!(self.poll_take(context));
        // A task that was stopped may have ended; draining says how.
        if taken.is_some() || self.incoming.is_none() || self.stopper.is_stopped() {
            return Poll::Ready(Ok(taken));
        }
        // Only an error or a panic ends the task before it is stopped.
        ready!(self.poll_ended(context))?;
        Poll::Ready(Err(Error::new(ErrorKind::Closed).with_detail("the receiver has ended")))
    }

    /// Returns the result of the task. A panic is an error, not a regular end.
    fn poll_ended(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let Some(task) = &mut self.task else { return Poll::Ready(Ok(())) };
        let ended = ready!(Pin::new(task).poll(context));
        self.task = None;
        Poll::Ready(ended.unwrap_or_else(|error| {
            Err(Error::new(ErrorKind::Transport)
                .with_detail(format!("the task of the receiver ended early: {error}")))
        }))
    }

    fn stop(&mut self) {
        self.stopper.stop();
        if let (Some(stop), Some(incoming)) = (self.stop.take(), self.incoming.take()) {
            let _ = stop.send(incoming);
        }
    }
}

impl Receive for QueueReceiver {
    fn capabilities(&self) -> ReceiverCapabilities {
        self.capabilities
    }

    async fn next(&mut self) -> Result<Option<Incoming>, Error> {
        poll_fn(|context| self.poll(context)).await
    }

    async fn drain(&mut self, deadline: Duration) -> Result<(), Error> {
        self.stop();
        match timeout(deadline, poll_fn(|context| self.poll_ended(context))).await {
            Ok(ended) => ended,
            Err(_) => {
                let late =
                    Error::new(ErrorKind::Timeout).with_detail("not every delivery was settled in time");
                Err(come_again(late, self.here.used().messages, None))
            }
        }
    }

    fn stopper(&self) -> Stopper {
        self.stopper.clone()
    }

    fn connectivity(&self) -> Connectivity {
        self.connectivity.clone()
    }

    fn letters(&self) -> LetterBox {
        self.letters.clone()
    }

    fn is_held_up(&self) -> bool {
        !self.here.has_room() && self.incoming.as_ref().is_none_or(|incoming| incoming.len() == 0)
    }
}

impl Drop for QueueReceiver {
    fn drop(&mut self) {
        self.stop();
    }
}

impl fmt::Debug for QueueReceiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QueueReceiver")
            .field("capabilities", &self.capabilities)
            .field("connectivity", &self.connectivity)
            .finish_non_exhaustive()
    }
}
