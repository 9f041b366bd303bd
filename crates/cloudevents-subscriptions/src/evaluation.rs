//! The result of filters for an event.

use crate::UnreadablePayload;

/// Whether an event passes, and why a filter of the dialect `data` could not read the payload.
///
/// ```
/// use cloudevents_core::Event;
/// use cloudevents_subscriptions::{FilterOptions, Filters, UnreadablePayload};
///
/// let options = FilterOptions::strict().with_data();
/// let filters = Filters::parse_with(r#"[{"data": {"order.id": {"exact": "7"}}}]"#, &options)?.value;
/// let event = Event::builder().id("1").source("/s").ty("t").text("hello").build()?;
/// let evaluation = filters.evaluate(&event);
/// assert_eq!((evaluation.passes, evaluation.unreadable), (false, Some(UnreadablePayload::NotJson)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Evaluation {
    /// Whether the event passes.
    pub passes: bool,
    /// Why a filter of the dialect `data` is false. `None` if the payload was read, or if no such filter was evaluated.
    pub unreadable: Option<UnreadablePayload>,
}
