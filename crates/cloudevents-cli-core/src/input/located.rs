//! Events with their places in the input.

use crate::{console::Console, report::Report, source::Place};
use cloudevents_kit::{Decoded, Error, Event};

/// An event or its error, and its place.
#[derive(Debug)]
pub struct Located {
    /// The event with its repairs, or why it is none.
    pub event: Result<Decoded<Event>, Error>,
    /// Where it stands.
    pub place: Place,
}

impl Located {
    /// Returns a report of the error with the place.
    pub fn report(&self, error: &Error) -> Report {
        Report::of(error).at(&self.place)
    }

    /// Reports repairs.
    pub fn tell_repairs(&self, console: &Console) {
        for repair in self.event.iter().flat_map(|decoded| &decoded.repairs) {
            console.report(&Report::repair(repair).at(&self.place));
        }
    }
}
