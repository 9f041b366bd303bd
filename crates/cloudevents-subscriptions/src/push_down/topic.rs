//! Filters of topics (MQTT) and subjects (NATS).

use super::template::Part;
use super::{PushedDown, Template};
use crate::{Conditions, Filter, Filters};
use std::collections::BTreeMap;

/// Returns the topic filter to subscribe to, if every event is published to the topic that this template derives from it.
///
/// By calling it, the program also declares that each attribute of the template fills exactly one topic level. So publishers send no event
/// whose value is empty or contains `/`. They also send no event whose topic begins with `$`, because no wildcard matches such a topic
/// (MQTT 5.0, section 4.7.2). If values may begin with `$`, begin the template with a text. `exact` conditions on attributes of the
/// template are pushed; every other attribute becomes a `+`.
///
/// ```
/// use cloudevents_subscriptions::{Filters, push_down};
///
/// let filters = Filters::parse(r#"[{"exact": {"type": "order.placed", "id": "7"}}, {"prefix": {"subject": "eu"}}]"#)?;
/// let template = push_down::Template::parse("shop/{type}/{subject}")?;
/// let down = push_down::mqtt(&filters, &template);
/// assert_eq!(down.pushed, "shop/order.placed/+");
/// assert_eq!(down.rest.to_string(), r#"[{"exact":{"id":"7"}},{"prefix":{"subject":"eu"}}]"#);
/// # Ok::<(), cloudevents_subscriptions::Invalid>(())
/// ```
pub fn mqtt(filters: &Filters, template: &Template) -> PushedDown<String> {
    // `$share` at the beginning would be a shared subscription.
    push(filters, template, '/', "+", |text| !text.contains(['/', '+', '#', '\0']) && !text.starts_with('$'))
}

/// Returns the subject to subscribe to, if every event is published to the subject that this template derives from it.
///
/// By calling it, the program also declares that each attribute of the template fills exactly one token. So publishers send no event whose
/// value is empty or contains `.` or white space. `exact` conditions on attributes of the template are pushed; every other attribute
/// becomes a `*`.
///
/// ```
/// use cloudevents_subscriptions::{Filters, push_down};
///
/// let filters = Filters::parse(r#"[{"exact": {"tenant": "north"}}]"#)?;
/// let template = push_down::Template::parse("orders.{tenant}.{partitionkey}")?;
/// let down = push_down::nats(&filters, &template);
/// assert_eq!(down.pushed, "orders.north.*");
/// assert!(down.rest.is_empty());
/// # Ok::<(), cloudevents_subscriptions::Invalid>(())
/// ```
pub fn nats(filters: &Filters, template: &Template) -> PushedDown<String> {
    push(filters, template, '.', "*", |text| {
        !text.contains(['.', '*', '>'])
            && !text.contains(char::is_whitespace)
            && !text.contains(char::is_control)
    })
}

fn push(
    filters: &Filters,
    template: &Template,
    separator: char,
    wildcard: &str,
    is_plain: impl Fn(&str) -> bool,
) -> PushedDown<String> {
    let mut wanted = BTreeMap::new();
    filters.iter().for_each(|filter| collect(filter, &is_plain, &mut wanted));
    // Attributes that fill a level alone: the level says their value, so that it need not be looked at again.
    let mut proven = BTreeMap::new();
    let mut levels = Vec::new();
    for level in split(&template.0, separator) {
        let mut text = Some(String::new());
        for part in &level {
            let piece = match part {
                Part::Text(text) => Some(text.as_str()),
                Part::Attribute(name) => wanted.get(&**name).copied(),
            };
            text = text.zip(piece).map(|(text, piece)| text + piece);
        }
        if let [Part::Attribute(name)] = &*level
            && let Some(value) = wanted.get(&**name)
        {
            proven.insert(name.to_string(), (*value).to_owned());
        }
        levels.push(text.unwrap_or_else(|| wildcard.to_owned()));
    }
    let rest = filters.iter().filter_map(|filter| without(filter, &proven)).collect();
    PushedDown { pushed: levels.join(&separator.to_string()), rest }
}

/// The conditions of `exact` that every matching event meets.
fn collect<'f>(filter: &'f Filter, is_plain: &impl Fn(&str) -> bool, into: &mut BTreeMap<&'f str, &'f str>) {
    match filter {
        Filter::Exact(conditions) => {
            for (name, text) in conditions.iter().filter(|(_, text)| is_plain(text)) {
                // Two texts for one attribute match nothing; either of them is right to push, and the other stays.
                into.entry(name).or_insert(text);
            }
        }
        Filter::All(group) => group.iter().for_each(|filter| collect(filter, is_plain, into)),
        _ => {}
    }
}

/// The filter without the conditions that are proven. `None`: no condition is left.
fn without(filter: &Filter, proven: &BTreeMap<String, String>) -> Option<Filter> {
    match filter {
        Filter::Exact(conditions) => {
            let left =
                conditions.iter().filter(|(name, text)| proven.get(*name).is_none_or(|known| known != text));
            Conditions::new(left).ok().map(Filter::Exact)
        }
        Filter::All(group) => Filter::all(group.iter().filter_map(|filter| without(filter, proven))).ok(),
        other => Some(other.clone()),
    }
}

/// The parts of each level.
fn split(parts: &[Part], separator: char) -> Vec<Vec<Part>> {
    let mut levels = vec![Vec::new()];
    let mut push = |part: Part, next: bool| {
        if next {
            levels.push(Vec::new());
        }
        if let Some(level) = levels.last_mut()
            && part != Part::Text(String::new())
        {
            level.push(part);
        }
    };
    for part in parts {
        match part {
            Part::Text(text) => {
                text.split(separator)
                    .enumerate()
                    .for_each(|(index, piece)| push(Part::Text(piece.to_owned()), index > 0));
            }
            Part::Attribute(_) => push(part.clone(), false),
        }
    }
    levels
}
