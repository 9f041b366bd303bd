//! A sender, a receiver, and a server between them.

use super::bindings::Binding;
use crate::{
    connect::{self, Certificates, Opened, Sending},
    failure::{Failure, Status},
    report::Report,
};
use cloudevents_kit::{self as kit, Delivery, Error, Message, Receiver, Sender, transport::ReceiverOptions};
use std::{any::Any, time::Duration};

/// The time limit of each step.
const PATIENCE: Duration = Duration::from_secs(10);

/// A connection through one binding.
pub(super) struct Route {
    pub(super) binding: &'static Binding,
    pub(super) url: String,
    sender: Sender,
    receiver: Receiver,
    /// Dropped last.
    _server: Box<dyn Any>,
}

impl Route {
    /// Creates a route that keeps `server` until it is dropped.
    pub(super) fn new(
        binding: &'static Binding,
        url: String,
        (sender, receiver): (Sender, Receiver),
        server: impl Any,
    ) -> Self {
        Self { binding, url, sender, receiver, _server: Box::new(server) }
    }

    /// Opens a sender as `ce send` does.
    pub(super) async fn sender(url: &str) -> Result<Sender, Failure> {
        let sending = Sending { timeout: PATIENCE, parallel: 1, ..Sending::default() };
        connect::sender(url, &sending).await
    }

    /// Opens a receiver as `ce listen` does. Returns it and the URL to send to.
    pub(super) async fn receiver(url: &str) -> Result<(Receiver, String), Failure> {
        let Opened { receiver, url, .. } =
            connect::receiver(url, ReceiverOptions::from(kit::decoding()), &Certificates::default(), None)
                .await?;
        Ok((receiver, url))
    }

    pub(super) fn failed(error: Error) -> Failure {
        Failure::Told(Status::Network, Box::new(Report::of(&error)))
    }

    /// Sends one message and receives it. A server responds after settlement, a broker before.
    pub(super) async fn carry(&mut self, message: Message) -> Result<Delivery, Failure> {
        let mut outcome = self.sender.enqueue(message).await.map_err(Self::failed)?;
        let mut answered = false;
        let mut delivery = std::pin::pin!(self.receiver.next());
        let mut late = std::pin::pin!(tokio::time::sleep(PATIENCE));
        loop {
            let words = tokio::select! {
                delivery = &mut delivery => match delivery.map_err(Self::failed)? {
                    Some(delivery) => return Ok(delivery),
                    None => "ended",
                },
                answer = &mut outcome, if !answered => {
                    answer.map_err(Self::failed)?;
                    answered = true;
                    continue;
                }
                () = &mut late => "does not answer",
            };
            let server = format!("{} of {} in this process {words}", self.binding.server, self.binding.name);
            return Err(Failure::new(Status::Network, server));
        }
    }

    /// Closes the sender, and the receiver within this time.
    pub(super) async fn close(mut self, within: Duration) {
        let _ = self.sender.close().await;
        let _ = self.receiver.drain(within).await;
    }
}
