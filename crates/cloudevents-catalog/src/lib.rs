#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![deny(clippy::arithmetic_side_effects)]
#![cfg_attr(test, allow(clippy::arithmetic_side_effects, clippy::unwrap_used, clippy::panic))]

mod catalog;
mod data_schemas;
mod endpoint;
mod error;
mod example;
mod finding;
mod matching;
mod options;
mod read;
mod reference;
mod schema;
mod template;
mod verdict;

pub use catalog::{Catalog, Message};
pub use data_schemas::DataSchemas;
pub use endpoint::{Endpoint, NotOpened};
pub use error::LoadError;
pub use finding::{Finding, Level, Report, Rule};
pub use options::{Leniency, Limits, LoadOptions};
pub use template::{Template, TemplateError};
pub use verdict::{Breach, Fault, Judge, NotJudged, Outcome, Refused, Verdict};
