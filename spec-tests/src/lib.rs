#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod carrier;
mod case;
mod coverage;
mod document;
mod error;
mod files;
mod level;
mod outcome;
mod pack;
mod requirement;
mod revision;
#[cfg(test)]
mod tests;
mod validity;

pub use carrier::{Body, BodyForm, Carrier, ContentType, Headers, Types, Values, carriers};
pub use case::{Case, Compare, JsonComparison, PayloadComparison, TimestampComparison};
pub use coverage::{Coverage, DocumentCoverage, Tally, specification_documents};
pub use document::{Document, load_documents};
pub use error::InvalidData;
pub use files::{SCHEMA, documents, requirements, samples};
pub use level::{Keyword, Level};
pub use outcome::{Expected, ExpectedError, Outcome};
pub use pack::{Pack, PackRecord, load_packs};
pub use requirement::{Requirement, Role, Testable, load_requirements};
pub use revision::Revision;
pub use validity::{Flag, Validity};

/// The version of these vectors, which results name.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
