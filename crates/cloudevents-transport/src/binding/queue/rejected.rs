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
        let receipt = self.sender.enqueue(message).await?.await?;
        letter.stored_at(receipt)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Confirmed, Outcome, Outgoing, Raw, Receipt, Received, SenderCapabilities};
    use cloudevents_core::ErrorKind;
    use std::sync::{Arc, Mutex};

    /// Carries one header.
    #[derive(Clone, Default)]
    struct Place {
        is_missing: bool,
        sent: Arc<Mutex<Vec<Outgoing>>>,
    }

    impl Transmit for Place {
        fn capabilities(&self) -> SenderCapabilities {
            SenderCapabilities::plain(Confirmed::Accepted)
        }

        fn lost_headers(&self, outgoing: &Outgoing) -> Vec<(usize, &'static str)> {
            outgoing.lost_headers(|name, _| (name != "dead-letter-reason").then_some("it has no room"))
        }

        async fn enqueue(&self, outgoing: Outgoing) -> Result<Outcome<Receipt>, Error> {
            self.sent.lock().unwrap().push(outgoing);
            Ok(Outcome::ready(Ok(Receipt::new())))
        }

        async fn check(&self) -> Result<(), Error> {
            if self.is_missing { Err(Error::new(ErrorKind::Refused)) } else { Ok(()) }
        }

        async fn close(&self) -> Result<(), Error> {
            Ok(())
        }
    }

    #[tokio::test]
    async fn a_letter_has_the_headers_that_its_place_carries() {
        let sender = Place::default();
        let sent = Arc::clone(&sender.sent);
        let received = Received::new(Err(Error::new(ErrorKind::NotACloudEvent)), Raw::default());
        let letter = DeadLetter::new(received, "no", 2);
        assert!(letter.as_received().headers().len() > 1);
        Letters { sender, place: "rejected".into() }.put(letter).await.unwrap();
        let sent = sent.lock().unwrap();
        let names: Vec<_> = sent[0].headers().map(|(name, _)| name).collect();
        assert_eq!(names, ["dead-letter-reason"]);
    }

    #[tokio::test]
    async fn the_url_decides_and_its_place_is_there() {
        for (query, is_missing, wanted) in [
            ("dead-letter=rejected", false, Ok("Some(Sink)")),
            ("dead-letter=rejected", true, Err(ErrorKind::Refused)),
            ("dead-letter=orders", false, Err(ErrorKind::InvalidUrl)),
            ("reject=broker", false, Ok("Some(Broker)")),
            ("reject=drop", false, Ok("Some(Drop)")),
            ("", false, Err(ErrorKind::Unsupported)),
        ] {
            let endpoint = Endpoint::parse(&format!("x://host/orders?{query}")).unwrap();
            let open = async |_| Ok(Place { is_missing, ..Place::default() });
            let reads = |place: &str| place == "orders";
            let decided = QueueOptions::default().with_url(&endpoint, "queue", true, "O", reads, open).await;
            let decided = decided.map(|options| format!("{:?}", options.rejected)).map_err(|e| e.kind());
            assert_eq!(decided, wanted.map(str::to_owned), "{query}");
        }
    }
}
