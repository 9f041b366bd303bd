//! Filters of AMQP 1.0: SQL over application properties (AMQP Filter Expressions 1.0; JMS selectors have the same syntax).

use super::PushedDown;
use crate::{Conditions, Filter, Filters};
use std::collections::BTreeSet;

/// How events are mapped to messages. Creating one declares that all events are sent in binary mode: structured messages have no
/// properties to filter on, so the broker would filter them out.
///
/// ```
/// use cloudevents_subscriptions::{Filters, push_down};
///
/// let filters = Filters::parse(r#"[{"prefix": {"type": "com.example."}}, {"sql": "priority > 2"}]"#)?;
/// let down = push_down::amqp(&filters, &push_down::AmqpProperties::underscore());
/// assert_eq!(down.pushed.as_deref(), Some(r"cloudEvents_type LIKE 'com.example.%'"));
/// assert_eq!(down.rest.to_string(), r#"[{"sql":"priority > 2"}]"#);
/// # Ok::<(), cloudevents_subscriptions::Invalid>(())
/// ```
#[derive(Clone, Debug)]
pub struct AmqpProperties {
    separator: char,
    /// Attributes whose properties are strings.
    texts: BTreeSet<Box<str>>,
}

impl AmqpProperties {
    /// Property names begin with `cloudEvents_`, which every selector syntax allows.
    pub fn underscore() -> Self {
        Self::new('_')
    }

    /// Property names begin with `cloudEvents:`. The selector puts them in double quotation marks, which AMQP's SQL allows and JMS's does
    /// not.
    pub fn colon() -> Self {
        Self::new(':')
    }

    fn new(separator: char) -> Self {
        let texts = ["id", "source", "type", "subject", "dataschema", "specversion"];
        Self { separator, texts: texts.into_iter().map(Box::from).collect() }
    }

    /// Also declares that publishers always send this extension attribute as a string. Other extensions may be numbers, Booleans or
    /// timestamps, which do not compare with text, so conditions on them are not pushed.
    pub fn text(mut self, extension: &str) -> Self {
        self.texts.insert(extension.into());
        self
    }

    fn name(&self, attribute: &str) -> String {
        match self.separator {
            ':' => format!("\"cloudEvents:{attribute}\""),
            _ => format!("cloudEvents_{attribute}"),
        }
    }
}

/// Returns the selector for messages with these properties; `None` if no filter can be pushed.
///
/// A filter is pushed whole or not at all: `exact`, `prefix` and `suffix` of attributes that are strings in the messages, and `all`, `any`
/// and `not` of these. A condition on an absent attribute is false, also below `not`, as the dialects require.
pub fn amqp(filters: &Filters, properties: &AmqpProperties) -> PushedDown<Option<String>> {
    let (mut pushed, mut rest) = (Vec::new(), Vec::new());
    for filter in filters {
        // Everything in `all` stands by itself.
        let group: Vec<&Filter> = match filter {
            Filter::All(group) => group.iter().collect(),
            other => vec![other],
        };
        let selectors: Vec<Option<Sql>> =
            group.iter().map(|filter| selector(filter, properties, false)).collect();
        if selectors.iter().any(Option::is_none) {
            let left = group.iter().zip(&selectors).filter(|(_, selector)| selector.is_none());
            rest.extend(Filter::all(left.map(|(filter, _)| (*filter).clone())).ok().map(unwrapped));
        }
        pushed.extend(selectors.into_iter().flatten());
    }
    let pushed = joined(pushed, " AND ").map(|sql| sql.text);
    PushedDown { pushed, rest: rest.into_iter().collect() }
}

/// `all` of one filter is the filter.
fn unwrapped(filter: Filter) -> Filter {
    match &filter {
        Filter::All(group) if group.iter().len() == 1 => group.iter().next().cloned().unwrap_or(filter),
        _ => filter,
    }
}

/// A selector, and whether it needs parentheses inside of another.
struct Sql {
    text: String,
    loose: bool,
}

impl Sql {
    fn enclosed(self) -> String {
        if self.loose { format!("({})", self.text) } else { self.text }
    }
}

/// The selector of a filter.
///
/// In a message without a property, a comparison is neither true nor false. This matters below `not`: there, `known` requires a test for
/// the property before the comparison.
fn selector(filter: &Filter, properties: &AmqpProperties, known: bool) -> Option<Sql> {
    match filter {
        Filter::Exact(conditions) => {
            compare(conditions, properties, known, |text| format!("= {}", literal(text)))
        }
        Filter::Prefix(conditions) => {
            compare(conditions, properties, known, |text| like(&format!("{}%", escaped(text)), text))
        }
        Filter::Suffix(conditions) => {
            compare(conditions, properties, known, |text| like(&format!("%{}", escaped(text)), text))
        }
        Filter::All(group) => group
            .iter()
            .map(|filter| selector(filter, properties, known))
            .collect::<Option<Vec<_>>>()
            .and_then(|all| joined(all, " AND ")),
        Filter::Any(group) => group
            .iter()
            .map(|filter| selector(filter, properties, known))
            .collect::<Option<Vec<_>>>()
            .and_then(|all| joined(all, " OR ")),
        Filter::Not(filter) => {
            let inner = selector(filter, properties, true)?;
            Some(Sql { text: format!("NOT ({})", inner.text), loose: false })
        }
        Filter::Sql(_) | Filter::Data(_) => None,
    }
}

fn compare(
    conditions: &Conditions,
    properties: &AmqpProperties,
    known: bool,
    test: impl Fn(&str) -> String,
) -> Option<Sql> {
    let all = conditions.iter().map(|(name, text)| {
        let property = properties.texts.contains(name).then(|| properties.name(name))?;
        let condition = format!("{property} {}", test(text));
        let text = if known { format!("{property} IS NOT NULL AND {condition}") } else { condition };
        Some(Sql { text, loose: known })
    });
    joined(all.collect::<Option<Vec<_>>>()?, " AND ")
}

fn joined(all: Vec<Sql>, operator: &str) -> Option<Sql> {
    let several = all.len() > 1;
    if !several {
        return all.into_iter().next();
    }
    let text = all.into_iter().map(Sql::enclosed).collect::<Vec<_>>().join(operator);
    Some(Sql { text, loose: true })
}

fn like(pattern: &str, text: &str) -> String {
    let escape = if text.contains(['%', '_', '\\']) { " ESCAPE '\\'" } else { "" };
    format!("LIKE {}{escape}", literal(pattern))
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_")
}

fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
