//! The result of reading a catalog.

use crate::{Catalog, Finding, Level};

/// A catalog, and everything that was found in it.
///
/// Definitions with mistakes are in the catalog as far as they can be read. A schema with a mistake judges nothing: every payload passes,
/// with [`Verdict::not_judged`](crate::Verdict::not_judged).
#[derive(Debug)]
pub struct Report {
    /// The catalog.
    pub catalog: Catalog,
    /// The findings, in the order of the document's parts: schemas, messages, endpoints.
    pub findings: Vec<Finding>,
}

impl Report {
    /// The findings that are mistakes.
    pub fn mistakes(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| finding.level == Level::Mistake)
    }
}
