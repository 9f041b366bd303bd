//! The policy for parts of a message that a protocol cannot carry.

use cloudevents_core::{Error, Event, LossClass, Losses};

/// The policy for a part of a message that the protocol cannot carry.
///
/// Such a part is a priority over HTTP, for example, or a value that the event format cannot hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum LossPolicy {
    /// The send fails with an error of kind [`Inexact`](cloudevents_core::ErrorKind::Inexact), and nothing is sent.
    #[default]
    Refuse,
    /// The message is sent without it. The loss is logged as a warning.
    Log,
    /// The message is sent without it.
    Allow,
}

impl LossPolicy {
    /// Applies the policy to the losses of encoding these events, and returns the losses that the message is sent with. For bindings.
    ///
    /// The policy applies to losses that [change the meaning](LossClass::Meaning). With [`Refuse`](Self::Refuse), such a loss is the error,
    /// of kind [`Inexact`](cloudevents_core::ErrorKind::Inexact). With [`Log`](Self::Log), a line names the event and all such losses. All
    /// other losses are carried. For example, binary mode and JSON have a Timestamp as text. A consumer that knows the attribute reads the
    /// text as a Timestamp (clause CE-Type-System-b).
    ///
    /// ```
    /// use cloudevents_core::{Event, Loss, LossClass, Losses};
    /// use cloudevents_transport::LossPolicy;
    ///
    /// let events = [Event::builder().id("1").source("/s").ty("t").build()?];
    /// let lost = |class| {
    ///     let mut losses = Losses::none();
    ///     losses.push(Loss::new(class, "time", "x", "x"));
    ///     losses
    /// };
    /// assert_eq!(LossPolicy::Refuse.check(lost(LossClass::Type), &events)?.len(), 1);
    /// assert!(LossPolicy::Refuse.check(lost(LossClass::Meaning), &events).is_err());
    /// assert!(LossPolicy::Allow.check(lost(LossClass::Meaning), &events).is_ok());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub fn check(self, losses: Losses, events: &[Event]) -> Result<Losses, Error> {
        if losses.is_empty() { Ok(losses) } else { self.check_losses(losses, events) }
    }

    #[cold]
    fn check_losses(self, losses: Losses, events: &[Event]) -> Result<Losses, Error> {
        match self {
            Self::Refuse => return losses.keep_meaning(),
            Self::Log => {
                let of_meaning = losses.iter().filter(|loss| loss.class() == LossClass::Meaning);
                let of_meaning: Vec<_> = of_meaning.collect();
                for of_one in of_meaning.chunk_by(|one, next| one.index() == next.index()) {
                    let event = of_one.first().and_then(|loss| events.get(loss.index().unwrap_or(0)));
                    let event = event.map(tracing::field::display);
                    let detail = of_one.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
                    tracing::warn!(event, %detail, "an event is sent without what its format cannot hold");
                }
            }
            Self::Allow => {}
        }
        Ok(losses)
    }
}
