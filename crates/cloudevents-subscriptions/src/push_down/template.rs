//! Names of topics with attributes in them.

use crate::Invalid;
use cloudevents_core::Name;
use cloudevents_json::codec::token;

/// How publishers derive a topic or subject from an event: `orders/{type}/{subject}`. `{{` and `}}` are literal braces.
///
/// ```
/// use cloudevents_subscriptions::push_down::Template;
///
/// assert!(Template::parse("orders/{type}").is_ok());
/// assert!(Template::parse("orders/{Type}").is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template(pub(super) Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Text(String),
    Attribute(Box<str>),
}

impl Template {
    /// Parses a template. Errors: a single brace, or a name that is not a valid attribute name.
    pub fn parse(template: &str) -> Result<Self, Invalid> {
        let (mut parts, mut text) = (Vec::new(), String::new());
        let mut rest = template;
        while let Some((before, after)) = rest.split_once(['{', '}']) {
            text.push_str(before);
            let brace =
                if rest.get(before.len()..).is_some_and(|at| at.starts_with('{')) { '{' } else { '}' };
            if let Some(after) = after.strip_prefix(brace) {
                text.push(brace);
                rest = after;
                continue;
            }
            let Some((name, after)) = after.split_once('}').filter(|_| brace == '{') else {
                return Err(Invalid::new("", format!("a lone `{brace}` in the template: write it twice")));
            };
            if Name::parse(name).is_err() {
                return Err(Invalid::new(token(name), "not the name of an attribute"));
            }
            parts.push(Part::Text(std::mem::take(&mut text)));
            parts.push(Part::Attribute(name.into()));
            rest = after;
        }
        text.push_str(rest);
        parts.push(Part::Text(text));
        Ok(Self(parts))
    }
}
