//! The parts of an envelope beside the event in it. They become extensions of the event, or a warning names them.

use crate::{
    attribute,
    condition::{self, matches},
    place,
    put::unfilled,
    template::{Given, Template},
};
use cloudevents_core::{Error, ErrorKind, Event, Limits, Name, Value, ValueBuf, codec::CoreName};
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
    /// Whether the members of `spread` are attributes of SNS or SQS: each has a type and a value, and nothing else.
    #[serde(default)]
    typed: bool,
    /// Places of values that no extension carries.
    #[serde(default)]
    report: Vec<String>,
    /// Places of members of `spread` that are of the delivery, and not of the event. A place may begin or end with `*`.
    #[serde(default)]
    except: Vec<String>,
}

/// The message that has the parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Around {
    /// An event in binary mode: members with the prefix `ce-`, and `content-type`, are parts of it.
    Binary,
    /// A document that is an event, or that events are made of. `content-type` is its type.
    Document,
    /// No event.
    Nothing,
}

/// The parts of one envelope.
#[derive(Debug, Default)]
pub(crate) struct Parts {
    extensions: Vec<Part>,
    /// Parts that say nothing new if an attribute of the event has the same value.
    copies: Vec<Part>,
    others: Vec<Other>,
}

#[derive(Debug)]
struct Part {
    /// Empty for a text of the mapping, which is no part of the envelope.
    place: String,
    name: String,
    value: ValueBuf,
    /// Whether the document in the envelope implies the value, so that it is no loss.
    is_implied: bool,
}

/// A part that no event carries.
#[derive(Debug)]
struct Other {
    place: String,
    text: Option<String>,
    why: Why,
}

/// The places of parts that are not carried, and the reasons.
pub(crate) type NotCarried = BTreeMap<String, Why>;

/// Why a part is not carried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    Differs,
    Absent,
    Unfit,
    TooMany,
    Unsigned,
}

impl Why {
    fn words(self) -> &'static str {
        match self {
            Self::Differs => "the event has another value in the attribute",
            Self::Absent => "the event has no such attribute",
            Self::Unfit => "no extension of the event can have them",
            Self::TooMany => "the event has as many attributes as it may have",
            Self::Unsigned => "they are not signed",
        }
    }
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

    /// Whether each attribute of the message has a type and a value.
    pub(crate) fn is_typed(&self) -> bool {
        self.typed
    }

    /// The places of members of `spread` that it leaves out.
    pub(crate) fn excepted(&self) -> impl Iterator<Item = &str> {
        self.except.iter().map(String::as_str)
    }

    /// The parts of an envelope around an event, or of a message without an event.
    pub(crate) fn parts(&self, given: Given<'_>, around: Around, limits: &Limits) -> Result<Parts, Error> {
        let mut parts = Parts::default();
        for (name, template) in &self.extensions {
            match template.fill(given) {
                Ok(Some(text)) => {
                    let (name, value) = (name.clone(), Value::String(&text).into());
                    parts.extensions.push(Part::new(template.used(given), name, value));
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
                    parts.copies.push(Part::new(place, name, Value::String(&text).into()));
                }
                // An empty text says nothing.
                Ok(None) => {}
                Err(_) => parts.others.push(Other { place, text: None, why: Why::Unfit }),
            }
        }
        let Some(object) = &self.spread else { return Ok(parts) };
        let most = limits.attributes.saturating_add(1);
        let is_own = |name: &str| around != Around::Nothing && name.eq_ignore_ascii_case("content-type");
        let is_part = |name: &str| !is_own(name) && !is_excepted(&self.except, object, name);
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
            if let Some(twice) = place::twice(raw, &attribute::NAMES) {
                return Err(invalid(format!("`{object}.{name:.80}.{twice}` is there twice")));
            }
        }
        // A name in lower case comes before a name that becomes the same.
        members.sort_by_key(|(name, _)| name.bytes().any(|byte| byte.is_ascii_uppercase()));
        for (name, raw) in members.into_iter().filter(|(_, raw)| *raw != "null") {
            let place = format!("`{object}.{}`", name.chars().take(MOST_CHARACTERS).collect::<String>());
            match (name.strip_prefix("ce-"), self.value(raw)) {
                (Some(_), _) if around == Around::Binary => {}
                (None, value) if self.unsigned && given.is_signed => {
                    let text = value.map(|value| value.to_string());
                    parts.others.push(Other { place, text, why: Why::Unsigned });
                }
                (Some(name), Some(value)) => parts.copies.push(Part::new(place, name.to_owned(), value)),
                (None, Some(value)) => {
                    parts.extensions.push(Part::new(place, name.to_ascii_lowercase(), value));
                }
                (_, None) => parts.others.push(Other { place, text: None, why: Why::Unfit }),
            }
        }
        Ok(parts)
    }

    /// The value of a member, and of an attribute as SNS or SQS writes it. `None` if no attribute can have the value.
    fn value(&self, raw: &str) -> Option<ValueBuf> {
        match attribute::is_typed(raw) {
            true => attribute::typed(raw),
            false if self.typed => None,
            false => attribute::value(raw),
        }
    }
}

/// Whether `spread` leaves out a member of this object. A pattern is a place, which may begin or end with `*`.
pub(crate) fn is_excepted(except: &[String], object: &str, name: &str) -> bool {
    let place = format!("{object}.{name}");
    let place = place.trim_start_matches('.');
    except.iter().any(|pattern| matches(pattern.trim_start_matches('.'), place))
}

impl Parts {
    /// Parts that the document in the envelope implies are no loss. The function gets a place, and the text there if there is one.
    pub(crate) fn without_implied(mut self, implies: impl Fn(&str, Option<&str>) -> bool) -> Self {
        let implied =
            |place: &str, text: Option<&str>| implies(place.trim_matches('`').trim_start_matches('.'), text);
        let is_implied = |part: &Part| implied(&part.place, Some(&part.value.to_string()));
        self.copies.retain(|copy| !is_implied(copy));
        self.others.retain(|other| !implied(&other.place, other.text.as_deref()));
        for part in &mut self.extensions {
            part.is_implied = is_implied(&*part);
        }
        self
    }

    /// Returns the event with the extensions. The parts that it does not carry are added to the map.
    ///
    /// An attribute that the event has stays as it is.
    pub(crate) fn carried(
        &self,
        event: Event,
        limits: &Limits,
        not_carried: &mut NotCarried,
    ) -> Result<Event, Error> {
        let mut lose = |place: &String, why: Why| {
            not_carried.entry(place.clone()).or_insert(why);
        };
        for other in &self.others {
            lose(&other.place, other.why);
        }
        let is_extension = |copy: &&Part| {
            let is_same = |part: &Part| part.place == copy.place && part.is_copy_of(copy.value.view());
            self.extensions.iter().any(is_same)
        };
        // A copy that is an extension, too, is carried as one, or is named as one.
        for copy in self.copies.iter().filter(|copy| !is_extension(copy)) {
            match event.attribute(&copy.name) {
                None => lose(&copy.place, Why::Absent),
                Some(own) if !copy.is_copy_of(own) => lose(&copy.place, Why::Differs),
                Some(_) => {}
            }
        }
        if self.extensions.is_empty() {
            return Ok(event);
        }
        let mut count = event.attributes().count();
        let mut builder = event.into_builder();
        for part in &self.extensions {
            let why = match builder.attribute(&part.name) {
                Some(own) if part.is_copy_of(own) => continue,
                Some(_) => Why::Differs,
                None if !part.fits(limits) => Why::Unfit,
                None if count >= limits.attributes => Why::TooMany,
                None => {
                    builder = builder.extension(&part.name, &part.value);
                    count = count.saturating_add(1);
                    continue;
                }
            };
            match part.place.is_empty() {
                // Another text of the event stands in place of one of the mapping.
                true if why == Why::Differs => {}
                true => lose(&format!("`{}` of the mapping", part.name), why),
                false if part.is_implied => {}
                false => lose(&part.place, why),
            }
        }
        Ok(builder.build()?)
    }
}

impl Part {
    fn new(place: String, name: String, value: ValueBuf) -> Self {
        Self { place, name, value, is_implied: false }
    }

    fn is_copy_of(&self, own: Value<'_>) -> bool {
        own.to_canonical() == self.value.view().to_canonical()
    }

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
pub(crate) fn told(not_carried: &NotCarried, id: &str, is_exact: bool) -> Result<(), Error> {
    if not_carried.is_empty() {
        return Ok(());
    }
    let first: Vec<_> = not_carried.keys().map(String::as_str).take(MOST_NAMES).collect();
    let reasons: BTreeSet<_> = not_carried.values().map(|why| why.words()).collect();
    let reasons = reasons.into_iter().collect::<Vec<_>>().join(", or ");
    if is_exact {
        let detail = format!(
            "parts of an envelope beside its event are not carried: {}; with `--losses log`, a bridge leaves all such parts out, and a map leaves out these alone",
            first.join(", ")
        );
        let help = format!("{reasons}; docs/adapters.md has a map for one part");
        return Err(Error::new(ErrorKind::Inexact).with_detail(detail).with_help(help));
    }
    tracing::warn!(
        id,
        count = not_carried.len(),
        not_carried = ?first,
        "parts of an envelope beside its event are not carried: {reasons}"
    );
    Ok(())
}

#[cold]
fn invalid(detail: String) -> Error {
    Error::new(ErrorKind::InvalidData).with_detail(detail)
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
        let mut not_carried = NotCarried::new();
        let around = if is_binary { Around::Binary } else { Around::Document };
        let parts = beside.parts(given, around, &limits).unwrap();
        let event = parts.carried(event, &limits, &mut not_carried).unwrap();
        let extensions = event.extensions();
        let extensions =
            extensions.map(|(name, value)| (name.as_str().to_owned(), value.to_canonical().into_owned()));
        (extensions.collect(), not_carried.into_keys().collect())
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
    fn a_part_that_is_an_extension_is_not_reported() {
        let envelope = r#"{"h": {"TRACE": "t1", "my_key": "x"}}"#;
        for beside in [
            r#"{"spread": "h", "except": ["h.my_key"], "report": ["h.TRACE"]}"#,
            r#"{"extensions": {"trace": "{h.TRACE}"}, "report": ["h.TRACE"]}"#,
        ] {
            let wanted = (pairs([("tenant", "t7"), ("trace", "t1")]), vec![]);
            assert_eq!(carried(beside, false, envelope), wanted, "{beside}");
        }
        // No extension can be so.
        let beside = r#"{"spread": "h", "report": ["h.my_key"]}"#;
        assert_eq!(carried(beside, false, envelope).1, ["`h.my_key`"]);
    }

    /// The event has `tenant` already. A text of the mapping is nothing that the envelope has, so it cannot get lost.
    #[test]
    fn a_text_of_the_mapping_is_no_part() {
        for (template, envelope, wanted) in [
            ("{t, 'none'}", "{}", ""),
            ("none", r#"{"t": "t8"}"#, ""),
            ("{t, 'none'}", r#"{"t": "t8"}"#, "`t`"),
            ("{t, u}", r#"{"u": "t8"}"#, "`u`"),
            ("{t, 'x'}-{u, 'y'}", r#"{"u": "t8"}"#, "`u`"),
            ("{t}-{u}", r#"{"t": "t8", "u": "t9"}"#, "`t` and `u`"),
            ("{t, 'none'}", r#"{"t": "t7"}"#, ""),
        ] {
            let beside = format!(r#"{{"extensions": {{"tenant": "{template}"}}}}"#);
            let (all, lost) = carried(&beside, false, envelope);
            assert_eq!((all, lost.join(", ").as_str()), (pairs([("tenant", "t7")]), wanted), "{template}");
        }
        // A text that no event can have is a mistake of the mapping.
        let unfit = r#"{"extensions": {"region": "{r, '\u0007'}"}}"#;
        assert_eq!(
            carried(unfit, false, "{}"),
            (pairs([("tenant", "t7")]), vec!["`region` of the mapping".to_owned()])
        );
        let literal = r#"{"extensions": {"region": "{r, 'none'}"}}"#;
        assert_eq!(carried(literal, false, "{}").0, pairs([("region", "none"), ("tenant", "t7")]));
    }

    #[test]
    fn an_error_has_the_reasons_that_hold() {
        let event =
            || Event::builder().id("1").source("/s").ty("t").extension("tenant", "t7").build().unwrap();
        let reason = |beside: &str, envelope: &str, is_signed: bool| {
            let beside: Beside = serde_json::from_str(beside).unwrap();
            let given = Given { element: envelope, document: &[], headers: &[], is_signed };
            let (limits, mut not_carried) = (Limits::default(), NotCarried::new());
            let parts = beside.parts(given, Around::Document, &limits).unwrap();
            parts.carried(event(), &limits, &mut not_carried).unwrap();
            let error = told(&not_carried, "1", true).unwrap_err();
            error.help().unwrap().split(';').next().unwrap().to_owned()
        };
        let spread = r#"{"spread": "a", "unsigned": true}"#;
        let (other, unfit) = ("the event has another value", "no extension of the event can have them");
        assert!(reason(spread, r#"{"a": {"tenant": "t8"}}"#, false).starts_with(other));
        assert_eq!(reason(spread, r#"{"a": {"my_key": "x"}}"#, false), unfit);
        assert_eq!(reason(spread, r#"{"a": {"key": "x"}}"#, true), "they are not signed");
        let report = r#"{"report": ["Subject"], "spread": "a"}"#;
        assert_eq!(reason(report, r#"{"Subject": "S"}"#, false), "the event has no such attribute");
        let both = reason(report, r#"{"Subject": "S", "a": {"my_key": "x"}}"#, false);
        assert_eq!(both, format!("{unfit}, or the event has no such attribute"));
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
            r#"{"spread": "M", "typed": true, "report": ["Subject", "Absent"]}"#,
            false,
            r#"{"Subject": "s", "M": {"number": {"Type": "String", "Value": 5}, "sqs": {"DataType": "String", "StringValue": "v"},
                "none": {"Type": "String"}, "more": {"Type": "String", "Value": "v", "unit": "z"}, "text": "v", "n": {"Type": "Number", "Value": "1.50"}, "raw": {"Type": "Binary", "Value": "AAEC"},
                "bad": {"Type": "Binary", "Value": "no base64"}, "ce-id": {"Type": "String", "Value": "1"},
                "ce-type": {"Type": "String", "Value": "other"}}}"#,
        );
        assert_eq!(all, pairs([("n", "1.50"), ("raw", "AAEC"), ("sqs", "v"), ("tenant", "t7")]));
        assert_eq!(
            lost,
            ["`M.bad`", "`M.ce-type`", "`M.more`", "`M.none`", "`M.number`", "`M.text`", "`Subject`"]
        );
    }

    #[test]
    fn there_are_bounds() {
        let members: Vec<_> = (0..257).map(|at| format!(r#""a{at}": "x""#)).collect();
        let object = |members: &[String]| format!(r#"{{"a": {{{}}}}}"#, members.join(","));
        let beside: Beside = serde_json::from_str(r#"{"spread": "a"}"#).unwrap();
        let many = object(&members[..]);
        let given = Given { element: &many, document: &[], headers: &[], is_signed: false };
        let error = beside.parts(given, Around::Binary, &Limits::default()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TooMany);
        // The event has attributes of its own.
        let (all, lost) = carried(r#"{"spread": "a"}"#, true, &object(&members[..256]));
        assert!(all.len() < 256 && lost.len() + all.len() == 257, "{} {}", all.len(), lost.len());
    }
}
