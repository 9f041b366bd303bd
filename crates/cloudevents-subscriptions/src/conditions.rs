//! The conditions of `exact`, `prefix` and `suffix`.

use crate::Invalid;
use crate::input::Attributes;
use crate::text::with_text;
use cloudevents_core::Name;
use cloudevents_json::codec::token;

/// Attributes and a text for each: one or more, in the order of their names. Neither names nor texts are empty (clauses
/// SUBS-3.2.4.1.1-c and its like).
///
/// ```
/// use cloudevents_subscriptions::Conditions;
///
/// let conditions = Conditions::new([("type", "com.example.order"), ("subject", "42")])?;
/// assert_eq!(conditions.iter().next(), Some(("subject", "42")));
/// # Ok::<(), cloudevents_subscriptions::Invalid>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Conditions(Box<[(Box<str>, Box<str>)]>);

impl Conditions {
    /// Checks names and texts. A name that is there twice is an error, too.
    pub fn new<N: AsRef<str>, T: AsRef<str>>(
        conditions: impl IntoIterator<Item = (N, T)>,
    ) -> Result<Self, Invalid> {
        let mut list = Vec::new();
        for (name, text) in conditions {
            let (name, text) = (name.as_ref(), text.as_ref());
            if name.is_empty() {
                return Err(
                    Invalid::new("/", "the name of the attribute is empty").with_clause("SUBS-3.2.4.1.1-c")
                );
            }
            if let Err(error) = Name::parse(name) {
                return Err(Invalid::new(
                    token(name),
                    format!("no event has such an attribute: {}", error.detail()),
                ));
            }
            if text.is_empty() {
                return Err(Invalid::new(token(name), "the value is empty").with_clause("SUBS-3.2.4.1.1-c"));
            }
            list.push((Box::from(name), Box::from(text)));
        }
        list.sort_unstable();
        if let Some([(name, _), _]) =
            list.windows(2).find(|pair| matches!(pair, [(one, _), (two, _)] if one == two))
        {
            return Err(Invalid::new(token(name), "the attribute is there twice"));
        }
        if list.is_empty() {
            return Err(Invalid::new("", "no attribute is named"));
        }
        Ok(Self(list.into()))
    }

    /// Names and texts, by name.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, text)| (&**name, &**text))
    }

    /// Whether all attributes are there and meet the test with their texts.
    #[inline]
    pub(crate) fn all(&self, of: &impl Attributes, test: impl Fn(&str, &str) -> bool) -> bool {
        self.0.iter().all(|(name, wanted)| {
            of.attribute(name).is_some_and(|value| with_text(value, |text| test(text, wanted)))
        })
    }
}
