//! The option `--lenient`, and which repairs would read what cannot be read.

use clap::Args;
use cloudevents_kit::{DecodeOptions, Error, Leniency, Peer, RepairKind};

/// Which invalid input is repaired.
#[derive(Args, Clone, Copy, Debug, Default)]
pub struct Lenient {
    /// Repair invalid input, and report each repair: all repairs that are the same for every writer, or those with these names, such as
    /// raw-text. A wrong name lists them.
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

    /// Whether any are.
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

/// Says which repairs and which peers would read the input; `None` if none would. `reads` is called with some thirty choices.
pub(crate) fn suggestion(
    with: &DecodeOptions,
    mut reads: impl FnMut(&DecodeOptions) -> bool,
) -> Option<String> {
    let mut tried = |leniency: Leniency| reads(&with.clone().with_leniency(with.leniency.union(leniency)));
    let all = |repairs: &mut dyn Iterator<Item = RepairKind>| {
        repairs.fold(Leniency::strict(), |all, repair| all.with(repair))
    };
    // Repairs that guess nothing go first.
    let mut needed = all(&mut Leniency::all().repairs());
    if !tried(needed) {
        needed = all(&mut RepairKind::ALL.iter().copied());
        if !tried(needed) {
            return None;
        }
    }
    for repair in RepairKind::ALL {
        let fewer = needed.without(*repair);
        if tried(fewer) {
            needed = fewer;
        }
    }
    let peers: Vec<_> =
        Peer::ALL.iter().filter(|peer| tried(peer.leniency())).map(|peer| peer.name()).collect();
    Some(match peers.as_slice() {
        [] => format!("--lenient={needed} reads it"),
        names => format!("--lenient={needed} reads it; it may be from {}", names.join(" or ")),
    })
}
