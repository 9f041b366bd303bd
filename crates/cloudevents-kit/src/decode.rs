//! Decoding: limits, leniency by name, and the repairs that leniency reports.

pub use cloudevents_core::{DecodeOptions, Decoded, Leniency, Limits, Peer, Repair, RepairKind};
