//! Reports of the fates of messages.

use super::reported_reasons::words;
use crate::{connect, console::Console, plain::plain, report::Report};
use cloudevents_kit::{
    ContentMode, DecodeOptions, Leniency, Repair,
    transport::{Receipt, Received, bridge::Fate},
};
use std::fmt::Write as _;

/// The repairs of a message. The repairs of a document, which were found when it was moved, are found again: few need any.
pub(super) fn repairs(received: &Received, decoding: &DecodeOptions) -> Vec<Repair> {
    let Ok(message) = received.decoded_message() else { return Vec::new() };
    if decoding.leniency == Leniency::strict() || message.value.mode() == ContentMode::Binary {
        return message.repairs.clone();
    }
    let inner = message.value.events(decoding).map(|decoded| decoded.repairs).unwrap_or_default();
    message.repairs.iter().cloned().chain(inner).collect()
}

/// Reports the fate of a message.
pub(super) fn tell(named: &Named, fate: &Fate, repairs: &[Repair], help: Option<String>, console: &Console) {
    let Named { words: name, members, letter } = named;
    for repair in repairs {
        let event = repair.index().map(|index| format!(", event {index} of the batch")).unwrap_or_default();
        let detail = repair.cause().map_or("", |cause| cause.detail());
        console.report(&Report::repair(repair).detail(format!("{name}{event}: {detail}")));
    }
    let report = match fate {
        Fate::DeadLetter(error) => {
            let place = letter.as_ref().map(|place| format!("its dead letter is at {place}"));
            Report::warning(format!("{name} was refused: {}", words(error)))
                .kind("dead-letter")
                .detail(place.unwrap_or_default())
        }
        Fate::Refused(error) => {
            Report::warning(format!("{name} was refused: {}", words(error))).kind("refused")
        }
        Fate::Waiting { refusal, error } => {
            let (refusal, why) = (words(refusal), words(error));
            Report::warning(format!("{name} was refused: {refusal}"))
                .kind("refused")
                .detail(format!("its dead letter is not stored, and is tried again: {why}"))
        }
        Fate::Kept(error) => {
            let words = format!("{name} was refused again, and stays at FROM: {}", words(error));
            Report::warning(words).kind("redrive")
        }
        Fate::Failed(error) => {
            Report::warning(format!("{name} will be sent again: {}", words(error))).kind("retry")
        }
        Fate::Confirmed => return,
        // Not help, but the reason of a dead letter.
        other => {
            let note =
                Report::note(format!("{name} {other}")).kind("redrive").detail(help.unwrap_or_default());
            return console.report(&note);
        }
    };
    let help = help.or_else(|| match fate {
        Fate::Failed(error) | Fate::Waiting { error, .. } => connect::help_with_tls(error),
        _ => None,
    });
    let report = members.iter().fold(report, |report, (member, value)| report.member(member, value));
    console.report(&report.any_help(help));
}

/// Why a dead letter is one, and at which delivery, by its headers. They do not have the number of attempts at the target.
pub(super) fn refused_before(received: &Received) -> Option<String> {
    let reason = received.header_text("dead-letter-reason")?;
    let delivery = received.header_text("dead-letter-attempt");
    let delivery = delivery.map(|number| format!(" at delivery {number} by its source")).unwrap_or_default();
    Some(format!("refused before{delivery}: {reason}"))
}

/// The name of a message: its place and the id of the event, without its payload.
pub(super) struct Named {
    pub(super) words: String,
    /// The same for programs.
    members: Vec<(&'static str, String)>,
    /// Where its dead letter is, in words.
    letter: Option<String>,
}

impl Named {
    /// Adds where the dead letter of the message is. `url` is the destination, without secrets, for one that reports no place.
    pub(super) fn with_letter(mut self, received: &Received, url: Option<&str>) -> Self {
        let receipt = received.dead_letter();
        let Some(place) = receipt.and_then(Receipt::place).or(url) else { return self };
        let partition = receipt.and_then(Receipt::partition).map(|partition| partition.to_string());
        let offset = receipt.and_then(Receipt::offset).map(|offset| offset.to_string());
        let numbers = partition.iter().chain(&offset);
        self.letter = Some(numbers.fold(plain(place), |words, number| format!("{words}/{number}")));
        let members = [
            ("letter_place", Some(place.to_owned())),
            ("letter_partition", partition),
            ("letter_offset", offset),
        ];
        self.members.extend(members.into_iter().filter_map(|(name, value)| Some((name, value?))));
        self
    }
}

/// Names a message.
pub(super) fn name(received: &Received) -> Named {
    let mut words = plain(received.topic().unwrap_or("message"));
    if let Some(partition) = received.partition() {
        let _ = write!(words, "/{}", partition.number());
    }
    if let Some(offset) = received.offset() {
        let _ = write!(words, "/{offset}");
    }
    let decoding = cloudevents_kit::decoding();
    let attribute =
        |name| received.message().ok().and_then(|message| message.attribute(name, &decoding).ok().flatten());
    let id = attribute("id");
    if let Some(id) = &id {
        let _ = write!(words, ", event {}", plain(id));
    }
    let members = [
        ("id", id),
        ("source", attribute("source")),
        ("topic", received.topic().map(str::to_owned)),
        ("partition", received.partition().map(|partition| partition.number().to_string())),
        ("offset", received.offset().map(|offset| offset.to_string())),
    ];
    let members = members.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
    Named { words, members, letter: None }
}
