//! The filters of a subscription.

use crate::input::{self, OfEvent};
use crate::{Evaluation, Filter, FilterOptions, Invalid, Parsed, read};
use cloudevents_core::{DecodeOptions, Error, Event, Message, ResolvedName};
use std::str::FromStr;

/// The filters of a subscription: an event passes if all of them are true. Without filters, every event passes (clauses
/// SUBS-3.2.1-filters-a to -c).
///
/// ```
/// use cloudevents_core::Event;
/// use cloudevents_subscriptions::Filters;
///
/// let filters = Filters::parse(r#"[{"prefix": {"type": "com.example."}}, {"sql": "priority > 2"}]"#)?;
/// let event = Event::builder().id("1").source("/s").ty("com.example.order").extension("priority", 3).build()?;
/// assert!(filters.matches(&event));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filters {
    list: Vec<Filter>,
    /// The attributes that they look at.
    names: Box<[ResolvedName]>,
}

impl Filters {
    /// These filters.
    pub fn new(filters: impl IntoIterator<Item = Filter>) -> Self {
        let list: Vec<Filter> = filters.into_iter().collect();
        Self { names: input::names(&list).into(), list }
    }

    /// Reads a JSON array of filters, strictly.
    pub fn parse(document: impl AsRef<[u8]>) -> Result<Self, Invalid> {
        Self::parse_with(document, &FilterOptions::strict()).map(|parsed| parsed.value)
    }

    /// Reads a JSON array of filters.
    pub fn parse_with(document: impl AsRef<[u8]>, options: &FilterOptions) -> Result<Parsed<Self>, Invalid> {
        read::filters(&read::parse(document.as_ref())?, options)
    }

    /// The filters, in their order.
    pub fn iter(&self) -> std::slice::Iter<'_, Filter> {
        self.list.iter()
    }

    /// Whether there are no filters, so that every event passes.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The number of filters.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether the event passes.
    #[inline]
    pub fn matches(&self, event: &Event) -> bool {
        let event = OfEvent::new(event);
        self.list.iter().all(|filter| filter.passes(&event))
    }

    /// Whether the event passes, and why a filter of the dialect `data` could not read the payload.
    pub fn evaluate(&self, event: &Event) -> Evaluation {
        let event = OfEvent::new(event);
        let passes = self.list.iter().all(|filter| filter.passes(&event));
        Evaluation { passes, unreadable: event.unreadable() }
    }

    /// Whether the message passes, without decoding it.
    ///
    /// A document is read only up to the last attribute that the filters use. The rest is not checked. With a filter of the dialect `data`,
    /// the document is decoded if all other filters pass.
    ///
    /// Errors: [`Batched`](cloudevents_core::ErrorKind::Batched) for a batch, and the errors of reading a document.
    ///
    /// ```
    /// use cloudevents_core::{DecodeOptions, Event, Message};
    /// use cloudevents_subscriptions::Filters;
    ///
    /// let filters = Filters::parse(r#"[{"exact": {"type": "com.example.order"}}]"#)?;
    /// let event = Event::builder().id("1").source("/s").ty("com.example.order").build()?;
    /// assert!(filters.matches_message(&Message::from(event), &DecodeOptions::strict())?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn matches_message(&self, message: &Message, with: &DecodeOptions) -> Result<bool, Error> {
        self.evaluate_message(message, with).map(|evaluation| evaluation.passes)
    }

    /// The same as [`evaluate`](Self::evaluate), for a message. Errors are the errors of [`matches_message`](Self::matches_message).
    pub fn evaluate_message(&self, message: &Message, with: &DecodeOptions) -> Result<Evaluation, Error> {
        if let Message::Binary(event) = message {
            return Ok(self.evaluate(event));
        }
        let attributes = || self.iter().filter(|filter| !filter.reads_data());
        let passes =
            message.look_up(&self.names, with, |found| attributes().all(|filter| filter.passes(&found)))?;
        if passes && self.iter().any(Filter::reads_data) {
            return Ok(self.evaluate(&message.event(with)?.value));
        }
        Ok(Evaluation { passes, unreadable: None })
    }
}

impl From<Filter> for Filters {
    fn from(filter: Filter) -> Self {
        Self::new([filter])
    }
}

impl FromIterator<Filter> for Filters {
    fn from_iter<I: IntoIterator<Item = Filter>>(filters: I) -> Self {
        Self::new(filters)
    }
}

impl IntoIterator for Filters {
    type Item = Filter;
    type IntoIter = std::vec::IntoIter<Filter>;

    fn into_iter(self) -> Self::IntoIter {
        self.list.into_iter()
    }
}

impl<'a> IntoIterator for &'a Filters {
    type Item = &'a Filter;
    type IntoIter = std::slice::Iter<'a, Filter>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl FromStr for Filters {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        Self::parse(text)
    }
}
