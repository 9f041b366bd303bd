//! The suite that the commands use.

use crate::failure::Failure;
use cloudevents_conformance::{Suite, import};
use std::path::Path;

/// The published suite, and the official material of a folder.
pub(super) fn suite(official: Option<&Path>) -> Result<Suite, Failure> {
    let suite = Suite::published()
        .map_err(|error| Failure::usage(format!("the test vectors cannot be read: {error}")))?;
    Ok(match official {
        Some(folder) => {
            suite.with(import::folder(folder).map_err(|error| Failure::usage(error.to_string()))?)
        }
        None => suite,
    })
}
