//! Components of a request.

use super::{SignatureError, fields::INPUT};
use http::HeaderName;
use sfv::InnerList;
use std::{collections::HashSet, fmt};

/// A part of a request that a signature covers (RFC 9421, section 2).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Component {
    /// The method: `@method`.
    Method,
    /// The whole URI, scheme included: `@target-uri`. A receiver behind a proxy may not know the scheme, and assumes `https`.
    TargetUri,
    /// The host, and the port unless it is the usual port of the scheme: `@authority`.
    Authority,
    /// The path: `@path`.
    Path,
    /// The query with its question mark: `@query`.
    Query,
    /// A header.
    Field(HeaderName),
}

impl Component {
    pub(super) fn is_field(&self, name: &str) -> bool {
        matches!(self, Self::Field(field) if field.as_str() == name)
    }

    pub(super) fn is_covered(&self, components: &[Self]) -> bool {
        let by_target = matches!(self, Self::Authority | Self::Path | Self::Query);
        components.iter().any(|component| component == self || (by_target && *component == Self::TargetUri))
    }

    fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "@method" => Self::Method,
            "@target-uri" => Self::TargetUri,
            "@authority" => Self::Authority,
            "@path" => Self::Path,
            "@query" => Self::Query,
            // Names of fields are in lower case (section 2.1).
            name if name.bytes().any(|byte| byte.is_ascii_uppercase()) => return None,
            name => Self::Field(HeaderName::from_bytes(name.as_bytes()).ok()?),
        })
    }
}

/// Writes the identifier: `@method`, `content-type`.
impl fmt::Display for Component {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Method => "@method",
            Self::TargetUri => "@target-uri",
            Self::Authority => "@authority",
            Self::Path => "@path",
            Self::Query => "@query",
            Self::Field(name) => name.as_str(),
        })
    }
}

/// The components of a signature, each once.
pub(super) fn parse(covered: &InnerList) -> Result<Vec<Component>, SignatureError> {
    let mut components = Vec::with_capacity(covered.items.len());
    // Anybody may name many.
    let mut names = HashSet::with_capacity(covered.items.len());
    for item in &covered.items {
        let name = item.bare_item.as_string().ok_or(SignatureError::Malformed(INPUT))?.as_str();
        let unsupported = || SignatureError::Component(name.into());
        if !item.params.is_empty() {
            return Err(unsupported());
        }
        if !names.insert(name) {
            return Err(SignatureError::Malformed(INPUT));
        }
        components.push(Component::parse(name).ok_or_else(unsupported)?);
    }
    Ok(components)
}
