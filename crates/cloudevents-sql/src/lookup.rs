//! Attributes by names that are resolved once.

use cloudevents_core::{Event, FoundAttributes, ResolvedName, Value};

/// The attributes that an expression looks at, each once, in alphabetical order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Names {
    /// The names that an event can have, in the same order.
    pub(crate) possible: Vec<ResolvedName>,
    /// All names.
    pub(crate) all: Vec<Box<str>>,
}

impl Names {
    pub(crate) fn new(mut all: Vec<Box<str>>) -> Self {
        all.sort_unstable();
        all.dedup();
        Self { possible: all.iter().filter_map(|name| ResolvedName::new(name).ok()).collect(), all }
    }

    pub(crate) fn slot(&self, name: &str) -> Slot {
        let position = self.possible.binary_search_by(|known| known.as_str().cmp(name)).ok();
        Slot {
            name: name.into(),
            resolved: position.and_then(|at| Some((at, self.possible.get(at)?.clone()))),
        }
    }
}

/// An attribute that a step looks at.
#[derive(Clone, Debug)]
pub(crate) struct Slot {
    pub(crate) name: Box<str>,
    /// Its index among the names; `None` if no event can have the attribute.
    resolved: Option<(usize, ResolvedName)>,
}

impl Slot {
    /// The name, if an event can have the attribute.
    fn possible(&self) -> Option<&str> {
        self.resolved.as_ref().map(|(_, name)| name.as_str())
    }
}

/// Where attributes are looked up.
pub(crate) trait Attributes {
    fn get(&self, slot: &Slot) -> Option<Value<'_>>;
}

impl Attributes for Event {
    #[inline]
    fn get(&self, slot: &Slot) -> Option<Value<'_>> {
        self.attribute_of(&slot.resolved.as_ref()?.1)
    }
}

impl Attributes for FoundAttributes<'_> {
    #[inline]
    fn get(&self, slot: &Slot) -> Option<Value<'_>> {
        FoundAttributes::get(*self, slot.resolved.as_ref()?.0)
    }
}

/// Attributes that were looked up for more than this expression, so they are found by name and not by position.
pub(crate) struct ByName<'a>(pub(crate) FoundAttributes<'a>);

impl Attributes for ByName<'_> {
    #[inline]
    fn get(&self, slot: &Slot) -> Option<Value<'_>> {
        // A name that no event has is among none, and would be compared with each of many.
        self.0.named(slot.possible()?)
    }
}

/// No event: for parts that do not depend on one.
pub(crate) struct Nothing;

impl Attributes for Nothing {
    fn get(&self, _: &Slot) -> Option<Value<'_>> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_no_event_has_is_not_searched_for() {
        let impossible = (0..100).map(|number| format!("Name{number}").into());
        let names = Names::new(impossible.chain(["type".into(), "mine".into()]).collect());
        let slots: Vec<Slot> = names.all.iter().map(|name| names.slot(name)).collect();
        let searched: Vec<&str> = slots.iter().filter_map(Slot::possible).collect();
        assert_eq!((names.all.len(), searched), (102, vec!["mine", "type"]));
    }
}
