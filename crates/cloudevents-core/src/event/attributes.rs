//! The attributes of an event, one after another.

use super::Event;
use crate::{Name, Value, attributes::Extension, core_attribute::CORE};

/// An iterator over the attributes of an event, except `specversion`: id, source, type, datacontenttype, dataschema, subject and time
/// if they are set, then the extensions by name.
///
/// ```
/// let event = cloudevents_core::Event::builder().id("1").source("/s").ty("t").extension("b", 2).extension("a", 1).build()?;
/// let written: Vec<_> = event.attributes().map(|(name, value)| format!("{name}={value}")).collect();
/// assert_eq!(written, ["id=1", "source=/s", "type=t", "a=1", "b=2"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Attributes<'a> {
    pub(crate) event: &'a Event,
    /// The position in [`CORE`] to continue from, and the number of core attributes left.
    pub(crate) core: usize,
    pub(crate) core_left: usize,
    pub(crate) extensions: core::slice::Iter<'a, Extension>,
}

impl<'a> Iterator for Attributes<'a> {
    type Item = (Name<'a>, Value<'a>);

    #[inline(always)] // Encoders have a loop over extensions.
    fn next(&mut self) -> Option<Self::Item> {
        while let Some(&core) = CORE.get(self.core) {
            self.core = self.core.wrapping_add(1);
            if let Some(found) = self.event.core_attribute(core) {
                self.core_left = self.core_left.wrapping_sub(1);
                return Some(found);
            }
        }
        self.extensions.next().map(|extension| self.event.extension_attribute(*extension))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.core_left.wrapping_add(self.extensions.len());
        (left, Some(left))
    }
}

impl ExactSizeIterator for Attributes<'_> {}
