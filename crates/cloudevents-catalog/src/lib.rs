#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![deny(clippy::arithmetic_side_effects)]
#![cfg_attr(test, allow(clippy::arithmetic_side_effects, clippy::unwrap_used, clippy::panic))]

mod build;
mod catalog;
mod data_schemas;
mod diff;
mod earlier_names;
mod endpoint;
mod error;
mod example;
mod files;
mod finding;
mod infer;
mod matching;
mod options;
mod raw;
mod read;
mod reference;
mod report;
#[cfg(feature = "reqwest013")]
pub mod reqwest013;
mod schema;
mod size;
mod template;
#[cfg(feature = "typify06")]
pub mod typify06;
mod verdict;
#[cfg(feature = "yaml")]
pub mod yaml;

pub use build::NoValue;
pub use catalog::{Catalog, Message};
pub use data_schemas::DataSchemas;
pub use diff::{Change, Severity};
pub use endpoint::{Endpoint, NotOpened};
pub use error::LoadError;
pub use files::{documents, is_yaml};
pub use finding::{Finding, Level, Rule};
pub use infer::Inference;
pub use options::{Leniency, Limits, LoadOptions};
pub use raw::RawMessage;
pub use report::Report;
pub use template::{Template, TemplateError};
pub use verdict::{Breach, Fault, Judge, NotJudged, Outcome, Refused, Verdict};
