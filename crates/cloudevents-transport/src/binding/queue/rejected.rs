//! A place for rejected messages that a URL names.

use super::QueueOptions;
use crate::{
    DeadLetter, DeadLetterSink, Endpoint,
    binding::{Rejecting, Transmit, place_checked, rejecting},
};
use cloudevents_core::Error;

impl QueueOptions {
    /// Returns the treatment of rejected messages: as in the URL, otherwise as in these options. For bindings.
    ///
    /// See [`rejecting`] for `kind`, `broker`, `field` and `reads`. `open` opens a sender to the place that the URL names, which is
    /// [checked](place_checked). Rejected messages are sent to it as they were received, with the [headers of the dead
    /// letter](DeadLetter::headers), as many as a message carries.
    ///
    /// Errors are those of [`rejecting`], of `open`, and of [`place_checked`].
    pub async fn with_url<'e, T: Transmit, F: Future<Output = Result<T, Error>>>(
        self,
        endpoint: &'e Endpoint,
        kind: &str,
        broker: bool,
        field: &str,
        reads: impl FnOnce(&str) -> bool,
        open: impl FnOnce(&'e str) -> F,
    ) -> Result<Self, Error> {
        Ok(match rejecting(endpoint, self.is_decided(), Some(kind), broker, field, reads)? {
            Rejecting::AsDecided => self,
            Rejecting::ToBroker => self.rejecting_to_broker(),
            Rejecting::Dropped => self.dropping_rejected(),
            Rejecting::To(place) => {
                let sender = open(place).await?;
                place_checked(place, sender.check().await)?;
                self.with_sink(Letters { sender, place: place.into() })
            }
        })
    }
}

/// Sends rejected messages to a place.
struct Letters<T> {
    sender: T,
    place: Box<str>,
}

impl<T: Transmit> DeadLetterSink for Letters<T> {
    async fn put(&self, letter: DeadLetter) -> Result<(), Error> {
        let mut message = letter.as_received();
        let lost = self.sender.lost_headers(&message);
        if !lost.is_empty() {
            let names: Vec<_> = message.headers().map(|(name, _)| name.to_owned()).collect();
            lost.iter()
                .filter_map(|(index, _)| names.get(*index))
                .for_each(|name| message.remove_header(name));
            tracing::warn!(place = %self.place, "a letter has no room for all of its headers");
        }
        self.sender.enqueue(message).await?.await?.kept().map(drop)
    }
}
