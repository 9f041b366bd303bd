//! The lines of messages that were moved, and of messages that were refused.

use super::fate::Fate;
use crate::{
    Partition, Receipt, Received,
    observing::MESSAGES,
    running::{Attribute, Name},
};
use cloudevents_core::DecodeOptions;
use std::fmt;
use tracing::field::{DisplayValue, display};

/// Logs that the target has confirmed the message, with its places at both ends, as far as they are known.
pub(super) fn log(received: &Received, decoding: &DecodeOptions, receipt: &Receipt) {
    let name = Name { received, decoding };
    // Programs that read the log need no parser for the words.
    tracing::debug!(
        target: MESSAGES,
        delivery = %name,
        to = to(receipt),
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

/// Logs the fate of a message that is refused, with its place and the place of its dead letter, as far as they are known.
///
/// The engine logs a message that is rejected at the source.
pub(super) fn log_refused(received: &Received, decoding: &DecodeOptions, fate: &Fate) {
    let (reason, words) = match fate {
        Fate::DeadLetter(reason) => (reason, "refused; its dead letter is stored"),
        Fate::Kept(reason) => (reason, "refused again; it stays where it is"),
        _ => return,
    };
    let name = Name { received, decoding };
    let letter = received.dead_letter();
    tracing::info!(
        target: MESSAGES,
        delivery = %name,
        id = %Attribute(&name, "id"),
        source = %Attribute(&name, "source"),
        %reason,
        topic = received.topic(),
        partition = received.partition().map(Partition::number),
        offset = received.offset(),
        letter = letter.and_then(to),
        letter_place = letter.and_then(Receipt::place),
        letter_partition = letter.and_then(Receipt::partition),
        letter_offset = letter.and_then(Receipt::offset),
        "{words}"
    );
}

/// Logs where the dead letter is of a message that was rejected at the source, as far as that is known.
pub(super) fn log_letter(received: &Received, decoding: &DecodeOptions) {
    let name = Name { received, decoding };
    let letter = received.dead_letter();
    tracing::debug!(
        target: MESSAGES,
        delivery = %name,
        id = %Attribute(&name, "id"),
        source = %Attribute(&name, "source"),
        topic = received.topic(),
        partition = received.partition().map(Partition::number),
        offset = received.offset(),
        letter = letter.and_then(to),
        letter_place = letter.and_then(Receipt::place),
        letter_partition = letter.and_then(Receipt::partition),
        letter_offset = letter.and_then(Receipt::offset),
        "the dead letter is stored"
    );
}

/// The place of a message in a receipt, if the receipt has one.
fn to(receipt: &Receipt) -> Option<DisplayValue<To<'_>>> {
    (receipt.place().is_some() || receipt.offset().is_some()).then(|| display(To(receipt)))
}

/// The place of a message at the target, or of a dead letter.
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
