//! The option `--lenient`, and the repairs that would read unreadable input.

use clap::Args;
use cloudevents_kit::{DecodeOptions, Error, Leniency, Peer, RepairKind};

/// Which invalid input is repaired.
#[derive(Args, Clone, Copy, Debug, Default)]
pub struct Lenient {
    /// Repair invalid input, and report each repair: all repairs that are the same for every writer, or the repairs with these names, such
    /// as raw-text. A wrong name lists the names.
    #[arg(
        long,
        value_name = "NAME,...",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "all",
        value_parser = leniency
    )]
    lenient: Option<Leniency>,
}

impl Lenient {
    /// The repairs that are allowed.
    pub fn leniency(&self) -> Leniency {
        self.lenient.unwrap_or_default()
    }

    /// Whether any repairs are allowed.
    pub fn is_given(&self) -> bool {
        self.lenient.is_some()
    }
}

impl From<Leniency> for Lenient {
    fn from(leniency: Leniency) -> Self {
        Self { lenient: Some(leniency) }
    }
}

/// Reads a value of `--lenient`. The error lists the names.
pub fn leniency(text: &str) -> Result<Leniency, String> {
    named(text)
}

/// Reads a value of `--peer`. The error lists the names.
pub fn peer(text: &str) -> Result<Peer, String> {
    named(text)
}

fn named<T: std::str::FromStr<Err = Error>>(text: &str) -> Result<T, String> {
    text.parse().map_err(|error: Error| format!("{}; {}", error.detail(), error.help().unwrap_or_default()))
}

/// Names the repairs that would read the input, and the peers whose repairs would read the same in it. `None` if none would.
///
/// If repairs are allowed already, no peer is named: the input may be from the peer whose repairs these are.
///
/// `reads` returns the value that it reads, and is called with some thirty choices.
pub fn suggestion<T: PartialEq>(
    with: &DecodeOptions,
    mut reads: impl FnMut(&DecodeOptions) -> Option<T>,
) -> Option<String> {
    let mut tried = |leniency: Leniency| reads(&with.clone().with_leniency(with.leniency.union(leniency)));
    let all = |repairs: &mut dyn Iterator<Item = RepairKind>| {
        repairs.fold(Leniency::strict(), |all, repair| all.with(repair))
    };
    // Repairs that guess nothing go first.
    let mut needed = all(&mut Leniency::all().repairs());
    let mut read = tried(needed);
    if read.is_none() {
        needed = all(&mut RepairKind::ALL.iter().copied());
        read = Some(tried(needed)?);
    }
    for repair in RepairKind::ALL {
        let fewer = needed.without(*repair);
        if let Some(same) = tried(fewer) {
            (needed, read) = (fewer, Some(same));
        }
    }
    // A message can be read without its content type, which stands under another name.
    let typed = needed.with(RepairKind::ContentTypeName);
    let with_type = tried(typed);
    let finds_type = with_type.is_some() && with_type != read;
    if finds_type {
        (needed, read) = (typed, with_type);
    }
    // If a peer's repairs drop parts that the other repairs keep, the input is not from this peer.
    let reads_alone = |peer: &&Peer| with.leniency == Leniency::strict() && tried(peer.leniency()) == read;
    let peers: Vec<_> = Peer::ALL.iter().filter(reads_alone).map(|peer| peer.name()).collect();
    // The reader decides whether the attribute is worth the event.
    let drops =
        [RepairKind::DroppedAttribute, RepairKind::DroppedName].into_iter().any(|kind| needed.allows(kind));
    let how = if drops { "reads it without the attribute" } else { "reads it" };
    Some(match peers.as_slice() {
        [] => format!("--lenient={needed} {how}"),
        names if finds_type => format!(
            "--peer={} reads it, with its content type; --lenient={needed} reads the same",
            names.join(" or --peer=")
        ),
        names => format!("--lenient={needed} {how}; it may be from {}", names.join(" or ")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use cloudevents_kit::{Format, json::Json};

    fn suggested(name: &str) -> String {
        suggested_by(name, &DecodeOptions::strict())
    }

    fn suggested_by(name: &str, with: &DecodeOptions) -> String {
        let document = format!(r#"{{"specversion":"1.0","id":"1","source":"/s","type":"t","{name}":"x"}}"#);
        let reads = |with: &DecodeOptions| {
            Json::new().decode(document.clone().into(), with).ok().map(|decoded| decoded.value)
        };
        suggestion(with, reads).unwrap()
    }

    /// Debezium's repair drops the attribute.
    #[test]
    fn a_peer_is_named_if_it_reads_the_same() {
        assert_eq!(suggested("partitionKey"), "--lenient=lower-cased-name reads it");
        assert_eq!(
            suggested("my_name"),
            "--lenient=dropped-name reads it without the attribute; it may be from debezium-3"
        );
    }

    /// A message of Spring with quotation marks: without `content-type-name`, it is read, and loses its content type.
    #[test]
    fn a_content_type_under_another_name_is_no_loss() {
        let reads = |with: &DecodeOptions| {
            let has_type = with.leniency.allows(RepairKind::ContentTypeName);
            with.leniency.allows(RepairKind::QuotedText).then_some(has_type)
        };
        let wanted = "--peer=spring-4 reads it, with its content type; --lenient=content-type-name,quoted-text reads the same";
        assert_eq!(suggestion(&DecodeOptions::strict(), reads).as_deref(), Some(wanted));
        let reads = |with: &DecodeOptions| with.leniency.allows(RepairKind::QuotedText).then_some(());
        let wanted = "--lenient=quoted-text reads it; it may be from spring-4";
        assert_eq!(suggestion(&DecodeOptions::strict(), reads).as_deref(), Some(wanted));
    }

    #[test]
    fn no_other_peer_is_named_beside_repairs_that_are_allowed() {
        let with = DecodeOptions::strict().with_leniency(Peer::Spring4.leniency());
        assert_eq!(suggested_by("my_name", &with), "--lenient=dropped-name reads it without the attribute");
    }
}
