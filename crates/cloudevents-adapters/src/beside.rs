//! The parts of an envelope beside the event in it. They become extensions of the event, or a warning names them.

use crate::{
    attribute,
    condition::{self, matches},
    place,
    put::unfilled,
    template::{Given, Template},
};
use cloudevents_core::{
    Error, ErrorKind, Event, Limits, Name, Value, ValueBuf,
    codec::{CoreName, decode_base64},
};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

/// Where the parts of an envelope are that describe its event.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object with the parts beside an event")]
pub(crate) struct Beside {
    /// Extensions that the event gets, unless it has them.
    #[serde(default, deserialize_with = "condition::once")]
    extensions: BTreeMap<String, Template>,
    /// The place of an object whose members are extensions of the event, unless it has them.
    spread: Option<String>,
    /// Whether the system does not sign the members of `spread`.
    #[serde(default)]
    unsigned: bool,
    /// Places of values that no extension carries.
    #[serde(default)]
    report: Vec<String>,
    /// Places of members of `spread` that are of the delivery, and not of the event. A place may begin or end with `*`.
    #[serde(default)]
    except: Vec<String>,
}

/// The parts of one envelope.
#[derive(Debug, Default)]
pub(crate) struct Parts {
    extensions: Vec<Part>,
    /// Parts that say nothing new if an attribute of the event has the same value.
    copies: Vec<Part>,
    /// The places of the other parts.
    others: Vec<String>,
}

#[derive(Debug)]
struct Part {
    place: String,
    name: String,
    value: ValueBuf,
}

/// The names of parts in one warning.
const MOST_NAMES: usize = 16;

/// The characters of a name in a warning.
const MOST_CHARACTERS: usize = 80;

impl Beside {
    /// Why no event can have the extensions.
    pub(crate) fn check(&self) -> Result<(), Error> {
        self.extensions.keys().try_for_each(|name| Name::parse(name).map(drop))
    }

    pub(crate) fn templates(&self) -> impl Iterator<Item = &Template> {
        self.extensions.values()
    }

    /// The places of the envelope that are read.
    pub(crate) fn places(&self) -> impl Iterator<Item = &str> {
        let extensions = self.extensions.values().flat_map(Template::in_element);
        extensions.chain(self.spread.iter().chain(&self.report).map(String::as_str))
    }

    /// The places of members of `spread` that it leaves out.
    pub(crate) fn excepted(&self) -> impl Iterator<Item = &str> {
        self.except.iter().map(String::as_str)
    }

    /// The parts of an envelope. If the event is in binary mode, members with the prefix `ce-` are read as its attributes.
    pub(crate) fn parts(&self, given: Given<'_>, is_binary: bool, limits: &Limits) -> Result<Parts, Error> {
        let mut parts = Parts::default();
        for (name, template) in &self.extensions {
            match template.fill(given) {
                Ok(Some(text)) => {
                    let (name, value) = (name.clone(), Value::String(&text).into());
                    parts.extensions.push(Part { place: template.places(), name, value });
                }
                Err(lacking) => return Err(unfilled(name, &lacking)),
                Ok(None) => {}
            }
        }
        for path in &self.report {
            let place = format!("`{path}`");
            match place::plain_of_adapter(given.element, path) {
                Ok(Some(text)) => {
                    let name = path.rsplit('.').next().unwrap_or_default().to_ascii_lowercase();
                    parts.copies.push(Part { place, name, value: Value::String(&text).into() });
                }
                // An empty text says nothing.
                Ok(None) => {}
                Err(_) => parts.others.push(place),
            }
        }
        let Some(object) = &self.spread else { return Ok(parts) };
        let most = limits.attributes.saturating_add(1);
        let is_part = |name: &str| !name.eq_ignore_ascii_case("content-type") && !self.excepts(object, name);
        let members = place::at(given.element, object).unwrap_or_default();
        if !place::may_have_members(members) {
            return Err(invalid(format!("`{object}` is no object")));
        }
        place::open_way(given.element, object).map_err(|why| invalid(format!("`{object}` {why}")))?;
        let mut members = place::members(members, most, is_part);
        if members.len() == most {
            let detail = format!("the limit is {} attributes", limits.attributes);
            return Err(Error::new(ErrorKind::TooMany).with_detail(detail));
        }
        if let Some(name) = place::name_twice(&members) {
            return Err(invalid(format!("`{object}.{name:.80}` is there twice")));
        }
        for (name, raw) in &members {
            if let Some(twice) = place::twice(raw, &["Type", "Value"]) {
                return Err(invalid(format!("`{object}.{name:.80}.{twice}` is there twice")));
            }
        }
        // A name in lower case comes before a name that becomes the same.
        members.sort_by_key(|(name, _)| name.bytes().any(|byte| byte.is_ascii_uppercase()));
        for (name, raw) in members.into_iter().filter(|(_, raw)| *raw != "null") {
            let place = format!("`{object}.{}`", name.chars().take(MOST_CHARACTERS).collect::<String>());
            match (name.strip_prefix("ce-"), value(raw)) {
                (Some(_), _) if is_binary => {}
                (None, _) if self.unsigned && given.is_signed => parts.others.push(place),
                (Some(name), Some(value)) => parts.copies.push(Part { place, name: name.to_owned(), value }),
                (None, Some(value)) => {
                    parts.extensions.push(Part { place, name: name.to_ascii_lowercase(), value });
                }
                (_, None) => parts.others.push(place),
            }
        }
        Ok(parts)
    }

    /// Whether a member of `spread` is of the delivery.
    fn excepts(&self, object: &str, name: &str) -> bool {
        let place = || format!("{object}.{name}");
        self.except.iter().any(|pattern| matches(pattern, place().trim_start_matches('.')))
    }
}

impl Parts {
    /// Leaves out texts that the document in the envelope implies, by their places.
    pub(crate) fn without_implied(mut self, implies: impl Fn(&str, &str) -> bool) -> Self {
        self.copies.retain(|copy| !implies(copy.place.trim_matches('`'), &copy.value.to_string()));
        self
    }

    /// Returns the event with the extensions. The places of the parts that it does not carry are added to the set.
    ///
    /// An attribute that the event has stays as it is.
    pub(crate) fn carried(
        &self,
        event: Event,
        limits: &Limits,
        not_carried: &mut BTreeSet<String>,
    ) -> Result<Event, Error> {
        not_carried.extend(self.others.iter().cloned());
        let differs = |copy: &&Part| {
            let own = event.attribute(&copy.name);
            own.is_none_or(|own| own.to_canonical() != copy.value.view().to_canonical())
        };
        not_carried.extend(self.copies.iter().filter(differs).map(|copy| copy.place.clone()));
        if self.extensions.is_empty() {
            return Ok(event);
        }
        let mut count = event.attributes().count();
        let mut builder = event.into_builder();
        for part in &self.extensions {
            if let Some(own) = builder.attribute(&part.name) {
                if own.to_canonical() != part.value.view().to_canonical() {
                    not_carried.insert(part.place.clone());
                }
            } else if count < limits.attributes && part.fits(limits) {
                builder = builder.extension(&part.name, &part.value);
                count = count.saturating_add(1);
            } else {
                not_carried.insert(part.place.clone());
            }
        }
        Ok(builder.build()?)
    }
}

impl Part {
    /// Whether an event can have the extension.
    fn fits(&self, limits: &Limits) -> bool {
        let value = self.value.view();
        CoreName::of(self.name.as_bytes()).is_none()
            && self.name.len() <= limits.name
            && value.to_canonical().len() <= limits.value
            && Event::builder().extension(&self.name, value).mistakes().is_empty()
    }
}

/// Logs a warning of parts that no event carries, or refuses them if the events have to be exact. It is for one document, whose first event
/// has this id.
pub(crate) fn told(not_carried: &BTreeSet<String>, id: &str, is_exact: bool) -> Result<(), Error> {
    if not_carried.is_empty() {
        return Ok(());
    }
    let first: Vec<_> = not_carried.iter().map(String::as_str).take(MOST_NAMES).collect();
    if is_exact {
        let detail = format!(
            "parts of an envelope beside its event are not carried: {}; with `--losses log`, a bridge leaves all such parts out, and a map leaves out these alone",
            first.join(", ")
        );
        let help = "no extension of the event can have them; without `--exact`, they are left out; docs/adapters.md has a map for one part";
        return Err(Error::new(ErrorKind::Inexact).with_detail(detail).with_help(help));
    }
    tracing::warn!(
        id,
        count = not_carried.len(),
        not_carried = ?first,
        "parts of an envelope beside its event are not carried: no extension of the event can have them, or they are not signed"
    );
    Ok(())
}

#[cold]
fn invalid(detail: String) -> Error {
    Error::new(ErrorKind::InvalidData).with_detail(detail)
}

/// The value of a member, and of an attribute as SNS writes it. `None` if no attribute can have the value.
fn value(raw: &str) -> Option<ValueBuf> {
    if !is_typed(raw) {
        return attribute::value(raw);
    }
    let (ty, text) = (place::text(raw, "Type")?, place::text(raw, "Value")?);
    Some(match ty.starts_with("Binary") {
        true => Value::Binary(&decode_base64(text).ok()?).into(),
        false => Value::String(&text).into(),
    })
}

/// Whether a value is an attribute of SNS, which has a type and a value, and nothing else.
fn is_typed(raw: &str) -> bool {
    const NAMES: [&str; 2] = ["Type", "Value"];
    let members = place::members(raw, NAMES.len().saturating_mul(2), |_| true);
    let is_there = |wanted: &str| members.iter().any(|(name, _)| name == wanted);
    NAMES.into_iter().all(is_there) && members.iter().all(|(name, _)| NAMES.contains(&name.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The extensions of an event that has `tenant`, and the places that are not carried.
    fn carried(beside: &str, is_binary: bool, envelope: &str) -> (Vec<(String, String)>, Vec<String>) {
        let limits = Limits::default();
        let beside: Beside = serde_json::from_str(beside).unwrap();
        let given = Given { element: envelope, document: &[], headers: &[], is_signed: false };
        let event = Event::builder().id("1").source("/s").ty("t").extension("tenant", "t7").build().unwrap();
        let mut not_carried = BTreeSet::new();
        let parts = beside.parts(given, is_binary, &limits).unwrap();
        let event = parts.carried(event, &limits, &mut not_carried).unwrap();
        let extensions = event.extensions();
        let extensions =
            extensions.map(|(name, value)| (name.as_str().to_owned(), value.to_canonical().into_owned()));
        (extensions.collect(), not_carried.into_iter().collect())
    }

    fn pairs<const N: usize>(all: [(&str, &str); N]) -> Vec<(String, String)> {
        all.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
    }

    #[test]
    fn members_become_extensions_or_are_named() {
        let (all, lost) = carried(
            r#"{"spread": "a"}"#,
            true,
            r#"{"a": {"Region": "eu", "tenant": "t7", "ce-id": "1", "content-type": "text/plain", "none": null}}"#,
        );
        assert_eq!(all, pairs([("region", "eu"), ("tenant", "t7")]));
        assert!(lost.is_empty(), "{lost:?}");
        for (member, place) in [
            (r#""my_key": "x""#, "`a.my_key`"),
            (r#""data": "x""#, "`a.data`"),
            (r#""subject": "x""#, "`a.subject`"),
            (r#""tenant": "t8""#, "`a.tenant`"),
            (r#""Tenant": "t8""#, "`a.Tenant`"),
            (r#""bell": "\u0007""#, "`a.bell`"),
            (r#""half": "\ud800""#, "`a.half`"),
        ] {
            let (all, lost) = carried(r#"{"spread": "a"}"#, true, &format!(r#"{{"a": {{{member}}}}}"#));
            assert_eq!((all, lost), (pairs([("tenant", "t7")]), vec![place.to_owned()]));
        }
    }

    /// The order of members says nothing.
    #[test]
    fn a_name_in_lower_case_comes_first() {
        for object in [r#"{"Key": "1", "key": "2", "KEY": "3"}"#, r#"{"key": "2", "KEY": "3", "Key": "1"}"#] {
            let (all, lost) = carried(r#"{"spread": "a"}"#, true, &format!(r#"{{"a": {object}}}"#));
            assert_eq!(all, pairs([("key", "2"), ("tenant", "t7")]));
            assert_eq!(lost, ["`a.KEY`", "`a.Key`"]);
        }
    }

    /// As `spread` of a mapping carries them.
    #[test]
    fn members_keep_their_types() {
        let envelope = r#"{"a": {"n": 7, "b": true, "o": {"q": 1}, "l": [1, 2], "d": 1.50, "tenant": "t7",
            "typed": {"Type": "x", "Value": "y", "unit": "z"}}}"#;
        let (all, lost) = carried(r#"{"spread": "a"}"#, false, envelope);
        let typed = r#"{"Type":"x","Value":"y","unit":"z"}"#;
        let wanted = [("b", "true"), ("d", "1.50"), ("l", "[1,2]"), ("n", "7"), ("o", r#"{"q":1}"#)];
        let wanted: Vec<_> = wanted.into_iter().chain([("tenant", "t7"), ("typed", typed)]).collect();
        assert!(all.iter().map(|(name, value)| (&**name, &**value)).eq(wanted), "{all:?}");
        assert!(lost.is_empty(), "{lost:?}");
    }

    #[test]
    fn a_part_that_says_nothing_new_is_not_named() {
        let beside = r#"{"report": ["Tenant", "m.tenant", "Id", "list"]}"#;
        for (envelope, wanted) in [
            (r#"{"Tenant": "t7", "m": {"tenant": ""}, "Id": 1, "list": null}"#, &[][..]),
            (
                r#"{"Tenant": "t8", "m": {"tenant": "t9"}, "Id": "2", "list": []}"#,
                &["`Id`", "`Tenant`", "`list`", "`m.tenant`"],
            ),
        ] {
            assert_eq!(carried(beside, false, envelope).1, wanted, "{envelope}");
        }
    }

    #[test]
    fn a_member_of_the_delivery_is_neither_carried_nor_named() {
        let beside = r#"{"spread": "a", "except": ["a.goog*", "a.shard"]}"#;
        let envelope = r#"{"a": {"googclient_schemaencoding": "JSON", "googx": "1", "shard": "2", "my_goog": "3", "tenant": "t7"}}"#;
        let (all, lost) = carried(beside, true, envelope);
        assert_eq!((all, lost), (pairs([("tenant", "t7")]), vec!["`a.my_goog`".to_owned()]));
    }

    /// <https://docs.aws.amazon.com/sns/latest/dg/sns-message-attributes.html>
    #[test]
    fn attributes_of_sns_have_types() {
        let (all, lost) = carried(
            r#"{"spread": "M", "report": ["Subject", "Absent"]}"#,
            false,
            r#"{"Subject": "s", "M": {"n": {"Type": "Number", "Value": "1.50"}, "raw": {"Type": "Binary", "Value": "AAEC"},
                "bad": {"Type": "Binary", "Value": "no base64"}, "ce-id": {"Type": "String", "Value": "1"},
                "ce-type": {"Type": "String", "Value": "other"}}}"#,
        );
        assert_eq!(all, pairs([("n", "1.50"), ("raw", "AAEC"), ("tenant", "t7")]));
        assert_eq!(lost, ["`M.bad`", "`M.ce-type`", "`Subject`"]);
    }

    #[test]
    fn there_are_bounds() {
        let members: Vec<_> = (0..257).map(|at| format!(r#""a{at}": "x""#)).collect();
        let object = |members: &[String]| format!(r#"{{"a": {{{}}}}}"#, members.join(","));
        let beside: Beside = serde_json::from_str(r#"{"spread": "a"}"#).unwrap();
        let many = object(&members[..]);
        let given = Given { element: &many, document: &[], headers: &[], is_signed: false };
        let error = beside.parts(given, true, &Limits::default()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TooMany);
        // The event has attributes of its own.
        let (all, lost) = carried(r#"{"spread": "a"}"#, true, &object(&members[..256]));
        assert!(all.len() < 256 && lost.len() + all.len() == 257, "{} {}", all.len(), lost.len());
    }
}
