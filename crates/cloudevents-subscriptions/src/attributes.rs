//! The input of filters: an event, or the attributes that were looked up in a message.

use crate::Filter;
use cloudevents_core::{Event, FoundAttributes, ResolvedName, Value};
use cloudevents_sql::Expression;

/// Where the attributes of an event are looked up.
pub(crate) trait Attributes {
    fn attribute(&self, name: &str) -> Option<Value<'_>>;

    /// Whether the event passes a filter of this expression.
    fn pass(&self, expression: &Expression) -> bool;
}

impl Attributes for Event {
    #[inline]
    fn attribute(&self, name: &str) -> Option<Value<'_>> {
        Event::attribute(self, name)
    }

    #[inline]
    fn pass(&self, expression: &Expression) -> bool {
        expression.matches(self)
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
        Filter::Sql(expression) => into.extend_from_slice(expression.names()),
    }
}
