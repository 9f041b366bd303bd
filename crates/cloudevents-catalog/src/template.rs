//! URI templates of level 1 (RFC 6570): text with placeholders.

use crate::endpoint::encoded;
use crate::matching::Steps;
use std::fmt;

/// The most placeholders of one template.
pub(crate) const PLACEHOLDERS: usize = 32;

/// A URI template of level 1 of RFC 6570: `/vehicles/{vin}/sensors/{sensor}`.
///
/// A placeholder matches one or more characters that such a template can produce: unreserved ones, and percent-encoded bytes.
///
/// ```
/// use cloudevents_catalog::Template;
///
/// let template: Template = "/vehicles/{vin}".parse().unwrap();
/// assert_eq!(template.placeholders().collect::<Vec<_>>(), ["vin"]);
/// assert_eq!(template.extract("/vehicles/WVW1").unwrap(), [("vin", "WVW1")]);
/// assert!(template.extract("/vehicles/a/b").is_none());
/// assert!("/vehicles/{+vin}".parse::<Template>().is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    pub(crate) parts: Vec<Part>,
    /// Whether placeholders match any text.
    pub(crate) is_wide: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Text(Box<str>),
    Placeholder(Box<str>),
}

impl Template {
    /// The names of the placeholders, in order. A name may be there several times.
    pub fn placeholders(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Placeholder(name) => Some(&**name),
            Part::Text(_) => None,
        })
    }

    /// The values of the placeholders in a text, in order, as they are written there: percent-encoded. `None` if the text does not match.
    /// A name has the same value everywhere.
    pub fn extract<'a>(&'a self, text: &'a str) -> Option<Vec<(&'a str, &'a str)>> {
        crate::matching::solve(&[(self, text)], &Steps::default()).ok()
    }

    /// The text with a value for each placeholder. Characters that a template of level 1 encodes are percent-encoded.
    ///
    /// ```
    /// let template: cloudevents_catalog::Template = "/vehicles/{vin}".parse().unwrap();
    /// assert_eq!(template.expand(|name| format!("my {name}")), "/vehicles/my%20vin");
    /// ```
    pub fn expand(&self, value: impl Fn(&str) -> String) -> String {
        self.filled(|name| encoded(&value(name), b""))
    }

    /// The text with values that are written as they are.
    pub(crate) fn filled(&self, value: impl Fn(&str) -> String) -> String {
        let mut text = String::new();
        for part in &self.parts {
            match part {
                Part::Text(own) => text.push_str(own),
                Part::Placeholder(name) => text.push_str(&value(name)),
            }
        }
        text
    }

    /// Whether it matches every value that another template matches, part by part.
    ///
    /// Placeholders that are the same are the same there, too.
    pub(crate) fn covers(&self, other: &Self) -> bool {
        let mut pairs: Vec<(&str, &str)> = Vec::new();
        self.parts.len() == other.parts.len()
            && (self.is_wide || !other.is_wide)
            && self.parts.iter().zip(&other.parts).all(|parts| match parts {
                (Part::Text(own), Part::Text(other)) => own == other,
                (Part::Placeholder(own), Part::Placeholder(other)) => {
                    pairs.push((own, other));
                    pairs.iter().all(|(known, first)| *known != &**own || *first == &**other)
                }
                _ => false,
            })
    }

    /// A template that is this text.
    pub(crate) fn literal(text: &str) -> Self {
        Self { parts: vec![Part::Text(text.into())], is_wide: false }
    }

    /// The text, if there are no placeholders.
    pub(crate) fn as_text(&self) -> Option<&str> {
        match self.parts.as_slice() {
            [] => Some(""),
            [Part::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// Whether two placeholders are next to each other, so that their values are ambiguous.
    pub(crate) fn is_ambiguous(&self) -> bool {
        self.parts.windows(2).any(
            |pair| matches!(pair, [Part::Placeholder(first), Part::Placeholder(second)] if first != second),
        )
    }
}

impl std::str::FromStr for Template {
    type Err = TemplateError;

    fn from_str(template: &str) -> Result<Self, TemplateError> {
        let (mut parts, mut rest, mut count) = (Vec::new(), template, 0_usize);
        while let Some((text, after)) = rest.split_once('{') {
            text_of(&mut parts, text)?;
            let (name, after) = after.split_once('}').ok_or(TemplateError::Brace)?;
            if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
                return Err(TemplateError::Name(name.into()));
            }
            count = count.saturating_add(1);
            if count > PLACEHOLDERS {
                return Err(TemplateError::TooMany);
            }
            parts.push(Part::Placeholder(name.into()));
            rest = after;
        }
        text_of(&mut parts, rest)?;
        Ok(Self { parts, is_wide: false })
    }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.parts.iter().try_for_each(|part| match part {
            Part::Text(text) => f.write_str(text),
            Part::Placeholder(name) => write!(f, "{{{name}}}"),
        })
    }
}

/// Why a text is not a template.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TemplateError {
    /// A brace without its counterpart.
    Brace,
    /// The name of a placeholder has characters other than letters, digits and `_`. Operators, as in `{+path}`, are of a higher level.
    Name(String),
    /// More than 32 placeholders.
    TooMany,
}

impl fmt::Display for TemplateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Brace => f.write_str("the template has a brace without its counterpart"),
            Self::Name(name) => {
                write!(f, "`{{{name}}}` is not a placeholder: its name has only letters, digits and `_`")
            }
            Self::TooMany => write!(f, "the template has more than {PLACEHOLDERS} placeholders"),
        }
    }
}

impl std::error::Error for TemplateError {}

fn text_of(parts: &mut Vec<Part>, text: &str) -> Result<(), TemplateError> {
    if text.contains('}') {
        return Err(TemplateError::Brace);
    }
    if !text.is_empty() {
        parts.push(Part::Text(text.into()));
    }
    Ok(())
}
