//! The line of a message that was moved.

use crate::{
    Partition, Receipt, Received,
    observing::MESSAGES,
    running::{Attribute, Name},
};
use cloudevents_core::DecodeOptions;
use std::fmt;
use tracing::field::display;

/// Logs that the target has confirmed the message, with its places at both ends, as far as they are known.
pub(super) fn log(received: &Received, decoding: &DecodeOptions, receipt: &Receipt) {
    let name = Name { received, decoding };
    let to = || (receipt.place().is_some() || receipt.offset().is_some()).then(|| display(To(receipt)));
    // Programs that read the log need no parser for the words.
    tracing::debug!(
        target: MESSAGES,
        delivery = %name,
        to = to(),
        id = %Attribute(&name, "id"),
        source = %Attribute(&name, "source"),
        topic = received.topic(),
        partition = received.partition().map(Partition::number),
        offset = received.offset(),
        to_place = receipt.place(),
        to_partition = receipt.partition(),
        to_offset = receipt.offset(),
        "moved"
    );
}

/// The place of a message at the target.
struct To<'a>(&'a Receipt);

impl fmt::Display for To<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(receipt) = self;
        if let Some(place) = receipt.place() {
            write!(f, "{}", place.escape_debug())?;
        }
        if let Some(partition) = receipt.partition() {
            write!(f, "/{partition}")?;
        }
        let Some(offset) = receipt.offset() else { return Ok(()) };
        let between = if receipt.place().is_some() { " " } else { "" };
        write!(f, "{between}at {offset}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_at_the_target_is_named_as_far_as_known() {
        let receipt = Receipt::new().with_offset(5);
        assert_eq!(To(&receipt).to_string(), "at 5");
        let receipt = receipt.with_place("orders").with_partition(3);
        assert_eq!(To(&receipt).to_string(), "orders/3 at 5");
        assert_eq!(To(&Receipt::new().with_place("a\nb")).to_string(), r"a\nb");
    }
}
