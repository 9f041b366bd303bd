//! The input of filters: an event, or the attributes that were looked up in a message.

use crate::{DataConditions, Filter, UnreadablePayload};
use cloudevents_core::{Event, FoundAttributes, ResolvedName, Value};
use cloudevents_json::codec::place;
use cloudevents_sql::Expression;
use std::cell::OnceCell;

/// Where the attributes of an event are looked up.
pub(crate) trait Attributes {
    fn attribute(&self, name: &str) -> Option<Value<'_>>;

    /// Whether the event passes a filter of this expression.
    fn pass(&self, expression: &Expression) -> bool;

    /// The payload in JSON.
    fn payload(&self) -> Result<&str, UnreadablePayload>;
}

/// An event, whose payload is checked once, when a filter needs it.
pub(crate) struct OfEvent<'e> {
    event: &'e Event,
    payload: OnceCell<Result<&'e str, UnreadablePayload>>,
}

impl<'e> OfEvent<'e> {
    #[inline]
    pub(crate) fn new(event: &'e Event) -> Self {
        Self { event, payload: OnceCell::new() }
    }

    /// Why a filter could not read the payload.
    pub(crate) fn unreadable(&self) -> Option<UnreadablePayload> {
        self.payload.get().and_then(|payload| payload.err())
    }
}

impl Attributes for OfEvent<'_> {
    #[inline]
    fn attribute(&self, name: &str) -> Option<Value<'_>> {
        self.event.attribute(name)
    }

    #[inline]
    fn pass(&self, expression: &Expression) -> bool {
        expression.matches(self.event)
    }

    fn payload(&self) -> Result<&str, UnreadablePayload> {
        *self.payload.get_or_init(|| {
            let data = self.event.data().ok_or(UnreadablePayload::Absent)?;
            if data.as_bytes().len() > DataConditions::MAX_PAYLOAD {
                return Err(UnreadablePayload::TooLarge);
            }
            place::payload(self.event).ok_or(UnreadablePayload::NotJson)
        })
    }
}

impl Attributes for FoundAttributes<'_> {
    #[inline]
    fn attribute(&self, name: &str) -> Option<Value<'_>> {
        self.named(name)
    }

    #[inline]
    fn pass(&self, expression: &Expression) -> bool {
        expression.matches_found(*self)
    }

    /// Filters that read the payload are evaluated on events only.
    fn payload(&self) -> Result<&str, UnreadablePayload> {
        Err(UnreadablePayload::Absent)
    }
}

/// The attributes that these filters look at, each once, in alphabetical order.
pub(crate) fn names<'a>(filters: impl IntoIterator<Item = &'a Filter>) -> Vec<ResolvedName> {
    let mut names = Vec::new();
    filters.into_iter().for_each(|filter| collect(filter, &mut names));
    names.sort_unstable_by(|one, two| one.as_str().cmp(two.as_str()));
    names.dedup();
    names
}

fn collect(filter: &Filter, into: &mut Vec<ResolvedName>) {
    match filter {
        Filter::Exact(conditions) | Filter::Prefix(conditions) | Filter::Suffix(conditions) => {
            // Conditions have checked the names.
            into.extend(conditions.iter().filter_map(|(name, _)| ResolvedName::new(name).ok()));
        }
        Filter::All(group) | Filter::Any(group) => group.iter().for_each(|filter| collect(filter, into)),
        Filter::Not(filter) => collect(filter, into),
        Filter::Data(_) => {}
        Filter::Sql(expression) => into.extend_from_slice(expression.names()),
    }
}
