//! Headers and the like: lists of names and values in any order.

use cloudevents_vectors::{Carrier, ContentType, Types, Values};

use crate::compare::added::{TIME, is_timestamp};
use crate::compare::how::CONTENT_TYPE;
use crate::compare::instant::Instant;
use crate::compare::{Difference, How, MOST, Path, bytes, media_type};
use crate::tree::json::{Json, Kind};

/// Records a difference if a list of headers is not the wanted list. A missing list counts as an empty one.
///
/// With `may_mirror`, the headers of attributes repeat the body, and each of them may be left out.
pub(super) fn diff(
    path: &Path,
    carrier: &Carrier,
    how: &How,
    may_mirror: bool,
    (wanted, got): (&Json, Option<&Json>),
    differences: &mut Vec<Difference>,
) {
    let (Some(wanted_fields), Some(mut rest)) = (fields(Some(wanted)), fields(got)) else {
        differences.push(path.differs(wanted, got.map_or("nothing".to_owned(), ToString::to_string)));
        return;
    };
    if how.may_add_time {
        let is_there = |name: &str| wanted_fields.iter().any(|field| carrier.is_same_name(field.name, name));
        rest.retain(|field| !is_added_time(carrier, field, is_there));
    }
    let mut missing = Vec::new();
    for field in wanted_fields {
        match rest.iter().position(|other| field.is(other, carrier, how)) {
            Some(index) => drop(rest.remove(index)),
            None => missing.push(field),
        }
    }
    for field in missing {
        let is_there = || rest.iter().any(|other| carrier.is_same_name(field.name, other.name));
        if may_mirror && carrier.is_of_attribute(field.name) && !is_there() {
            continue;
        }
        let path = path.member(field.name);
        match rest.iter().position(|other| carrier.is_same_name(field.name, other.name)) {
            Some(index) => differences.push(path.differs(field.value, rest.remove(index).value)),
            None => differences.push(path.differs(field.value, "nothing")),
        }
    }
    let rest = rest.iter().take(MOST);
    differences.extend(rest.map(|field| path.member(field.name).differs("nothing", field.value)));
}

/// Notes headers that must not be there.
pub(super) fn absent(
    path: &Path,
    carrier: &Carrier,
    names: &[String],
    got: Option<&Json>,
    differences: &mut Vec<Difference>,
) {
    let fields = fields(got).unwrap_or_default();
    for name in names {
        let Some(field) = fields.iter().find(|field| carrier.is_same_name(name, field.name)) else {
            continue;
        };
        let difference = path.member(field.name).differs("nothing", field.value);
        if !differences.contains(&difference) {
            differences.push(difference);
        }
    }
}

/// The names of the headers.
pub(super) fn names(list: Option<&Json>) -> Vec<&str> {
    fields(list).unwrap_or_default().into_iter().map(|field| field.name).collect()
}

/// Keeps the headers that are compared. Leaves anything that is not a list of headers unchanged.
pub(super) fn only(list: &Json, counts: impl Fn(&str) -> bool) -> Json {
    let Some(items) = list.items() else { return list.clone() };
    let name = |item: &Json| item.items().and_then(<[Json]>::first).and_then(Json::as_str).map(str::to_owned);
    let items = items.iter().filter(|item| name(item).is_none_or(|name| counts(&name))).cloned().collect();
    Json { kind: Kind::Array(items), span: list.span.clone() }
}

/// Leaves headers out. Leaves anything that is not a list of headers unchanged.
pub(super) fn without(list: &Json, is_out: impl Fn(&str, &Json) -> bool) -> Json {
    let Some(items) = list.items() else { return list.clone() };
    let is_in = |item: &&Json| match item.items() {
        Some([name, value]) => !name.as_str().is_some_and(|name| is_out(name, value)),
        _ => true,
    };
    Json { kind: Kind::Array(items.iter().filter(is_in).cloned().collect()), span: list.span.clone() }
}

/// The value of the first header of this name.
pub(super) fn value<'a>(carrier: &Carrier, name: &str, list: Option<&'a Json>) -> Option<&'a Json> {
    let mut fields = fields(list).unwrap_or_default().into_iter();
    fields.find(|field| carrier.is_same_name(field.name, name)).map(|field| field.value)
}

/// The value of the first header that carries this attribute.
pub(super) fn attribute<'a>(carrier: &Carrier, name: &str, list: Option<&'a Json>) -> Option<&'a Json> {
    let mut fields = fields(list).unwrap_or_default().into_iter();
    let is = |field: &Field<'_>| carrier.is_of_attribute(field.name) && carrier.attribute(field.name) == name;
    fields.find(is).map(|field| field.value)
}

struct Field<'a> {
    name: &'a str,
    value: &'a Json,
}

impl Field<'_> {
    fn is(&self, other: &Field<'_>, carrier: &Carrier, how: &How) -> bool {
        if !carrier.is_same_name(self.name, other.name) {
            return false;
        }
        if how.any_escapes && percent_encodes(carrier) && carrier.is_of_attribute(self.name) {
            // The writer may escape characters without need, in each spelling of a time. That a value is not quoted as well is a SHOULD NOT
            // (`HTTP-3.1.3.2-d`), and a reader removes the quotation marks.
            let plain = |value: &Json| text(value).map(unquoted).as_deref().and_then(unescaped);
            let is_timestamp = how.is_timestamp(&carrier.attribute(self.name));
            let same = plain(self.value).zip(plain(other.value)).is_some_and(|(wanted, got)| {
                wanted == got || is_timestamp && how.same_instant(&wanted, &got)
            });
            if same {
                return true;
            }
        }
        if percent_encodes(carrier) && carrier.is_of_attribute(self.name) {
            let plain = |value: &Json| text(value).map(|text| without_needless(&text));
            if plain(self.value).is_some_and(|wanted| plain(other.value) == Some(wanted)) {
                return true;
            }
        }
        if how.any_form
            && types(carrier).is_some_and(|types| is_canonical_string(types, self.value, other.value))
        {
            return true;
        }
        let is_content_type = |name: &str| carrier.is_same_name(self.name, name);
        match &carrier.content_type {
            ContentType::Header(name) if is_content_type(name) => {
                same_media_type(self.value, other.value)
                    || how.json_supplied && is_json(self.value) && is_json(other.value)
            }
            _ if how.any_spelling && carrier.attribute(self.name) == CONTENT_TYPE => {
                let plain = |value: &Json| {
                    text(value).as_deref().and_then(unescaped).filter(|_| percent_encodes(carrier))
                };
                match (plain(self.value), plain(other.value)) {
                    (Some(wanted), Some(got)) => media_type::same(&wanted, &got),
                    _ => same_media_type(self.value, other.value),
                }
            }
            ContentType::Header(_) if self.name.eq_ignore_ascii_case("retry-after") => {
                matches!((text(self.value), text(other.value)), (Some(wanted), Some(got)) if wanted == got || is_delay(&got))
            }
            ContentType::Header(_) if self.name.eq_ignore_ascii_case("authorization") => {
                matches!((text(self.value), text(other.value)), (Some(wanted), Some(got)) if is_same_authorization(&wanted, &got))
            }
            ContentType::Header(_) if self.name.eq_ignore_ascii_case("webhook-allowed-rate") => {
                matches!((text(self.value), text(other.value)), (Some(wanted), Some(got)) if wanted == got || is_rate_within(&got, &wanted))
            }
            ContentType::Header(_) if self.name.eq_ignore_ascii_case("cache-control") => {
                matches!((text(self.value), text(other.value)), (Some(wanted), Some(got)) if has_directives(&got, &wanted))
            }
            ContentType::Header(_) if self.name.eq_ignore_ascii_case("allow") => {
                matches!((text(self.value), text(other.value)), (Some(wanted), Some(got)) if has_methods(&got, &wanted))
            }
            _ if how.is_timestamp(&carrier.attribute(self.name)) => {
                same_timestamp(how, self.value, other.value) || same_value(self.value, other.value)
            }
            _ => same_value(self.value, other.value),
        }
    }
}

/// Whether a content type is the media type that the JSON format implies.
fn is_json(content_type: &Json) -> bool {
    text(content_type).is_some_and(|text| media_type::is_json(&text))
}

/// Whether two content types are the same media type.
fn same_media_type(wanted: &Json, got: &Json) -> bool {
    match (text(wanted), text(got)) {
        (Some(wanted), Some(got)) => media_type::same(&wanted, &got),
        _ => same_value(wanted, got),
    }
}

/// Whether a field is the `time` of an event, named like the other attributes, and no wanted field is a `time`.
fn is_added_time(carrier: &Carrier, field: &Field<'_>, is_there: impl Fn(&str) -> bool) -> bool {
    let Some((prefix, name)) =
        field.name.len().checked_sub(TIME.len()).and_then(|at| field.name.split_at_checked(at))
    else {
        return false;
    };
    let value = field.value.get("value").unwrap_or(field.value);
    name.eq_ignore_ascii_case(TIME)
        && is_there(&format!("{prefix}specversion"))
        && !is_there(field.name)
        && (text(value).is_some_and(|text| is_timestamp(&unescaped(&text).unwrap_or(text)))
            || types(carrier)
                .zip(field.value.get("type").and_then(Json::as_str))
                .is_some_and(|(types, name)| types.is_time(name)))
}

/// The types of the values, where they say them.
fn types(carrier: &Carrier) -> Option<&Types> {
    match &carrier.headers.as_ref()?.values {
        Values::Typed(types) => Some(types),
        _ => None,
    }
}

/// Whether a `Retry-After` is a number of seconds or has the form of a date of HTTP. How long it is is the target's choice.
fn is_delay(text: &str) -> bool {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number || text.len() == 29 && text.ends_with(" GMT")
}

/// Whether two texts are the same scheme and token. The letter case of the scheme is free, and so is the number of spaces behind it (RFC
/// 7235, section 2.1).
fn is_same_authorization(wanted: &str, got: &str) -> bool {
    let parts = |text: &str| {
        text.split_once(' ')
            .map(|(scheme, token)| (scheme.to_ascii_lowercase(), token.trim_start().to_owned()))
    };
    wanted == got || parts(wanted).is_some_and(|wanted| parts(got) == Some(wanted))
}

/// Whether a rate that is granted is within the wanted one. A receiver may grant less: HTTP-webhook, section 4.2.2.
fn is_rate_within(text: &str, wanted: &str) -> bool {
    let rate = |text: &str| text.parse::<u32>().ok().filter(|rate| *rate > 0 && rate.to_string() == text);
    rate(text).is_some_and(|granted| wanted == "*" || rate(wanted).is_some_and(|highest| granted <= highest))
}

/// Whether a `Cache-Control` has all of these directives, among others.
fn has_directives(text: &str, wanted: &str) -> bool {
    let mut directives = wanted.split(',').map(str::trim);
    directives.all(|wanted| text.split(',').any(|directive| directive.trim().eq_ignore_ascii_case(wanted)))
}

/// Whether an `Allow` has all of these methods. It may have more. Their letter case counts.
fn has_methods(text: &str, wanted: &str) -> bool {
    let mut methods = wanted.split(',').map(str::trim);
    methods.all(|wanted| text.split(',').any(|method| method.trim() == wanted))
}

/// A header value without quotation marks around it, and without the backslashes that escape within them.
fn unquoted(value: String) -> String {
    match value.strip_prefix('"').and_then(media_type::unquoted) {
        Some((text, "")) => text,
        _ => value,
    }
}

/// Whether the values of headers are percent-encoded.
fn percent_encodes(carrier: &Carrier) -> bool {
    carrier.headers.as_ref().is_some_and(|headers| headers.percent_encoded)
}

/// A header value without needless escapes: escapes of printable ASCII characters other than the quotation mark and the percent sign.
///
/// The specification does not forbid them (HTTP, section 3.1.3.2). Their digits should be in upper case, as the digits of other escapes.
fn without_needless(value: &str) -> String {
    let mut parts = value.split('%');
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let digits = part
            .get(..2)
            .filter(|digits| digits.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'A'..=b'F')));
        let character = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()).map(char::from);
        match (
            character.filter(|some| matches!(some, '!'..='~') && !matches!(some, '"' | '%')),
            part.get(2..),
        ) {
            (Some(character), Some(rest)) => {
                plain.push(character);
                plain.push_str(rest);
            }
            _ => {
                plain.push('%');
                plain.push_str(part);
            }
        }
    }
    plain
}

/// A header value without its percent-escapes. `None` if a character of it needs an escape, or an escape is malformed.
fn unescaped(value: &str) -> Option<String> {
    let mut octets = Vec::new();
    let mut rest = value.bytes();
    while let Some(octet) = rest.next() {
        match octet {
            b'%' => {
                let mut digit = || char::from(rest.next()?).to_digit(16);
                let (high, low) = (digit()?, digit()?);
                octets.push(u8::try_from(high * 16 + low).ok()?);
            }
            b'!'..=b'~' if octet != b'"' => octets.push(octet),
            _ => return None,
        }
    }
    String::from_utf8(octets).ok()
}

/// Whether a value of a native type came as the string that is its canonical text.
///
/// Each value "MUST either be represented using the native AMQP types above or the canonical string form" (AMQP, section 3.1.3.2).
fn is_canonical_string(types: &Types, wanted: &Json, got: &Json) -> bool {
    let member = |value: &Json, name: &str| value.get(name).and_then(Json::as_str).map(str::to_owned);
    let (Some(native), Some(string), Some(text)) =
        (member(wanted, "type"), member(got, "type"), member(got, "value"))
    else {
        return false;
    };
    if types.string() != Some(&*string) {
        return false;
    }
    let value = wanted.get("value").map(ToString::to_string).unwrap_or_default();
    let counts = |of: fn(&Instant) -> Option<i64>| {
        Instant::parse(&text).as_ref().and_then(of).is_some_and(|count| count.to_string() == value)
    };
    types.milliseconds.contains(&native) && counts(Instant::whole_milliseconds)
        || types.seconds.contains(&native) && counts(Instant::whole_seconds)
        || types.base64.contains(&native) && member(wanted, "value").as_deref() == Some(&*text)
        || (types.boolean.contains(&native) || types.integer.contains(&native)) && value == text
}

/// Whether two values, be they text, bytes or of a type of their carrier, are timestamps that are the same.
fn same_timestamp(how: &How, wanted: &Json, got: &Json) -> bool {
    let typed = |value: &Json| {
        let of_type = value.get("type").map(ToString::to_string);
        text(value.get("value").unwrap_or(value)).map(|text| (of_type, text))
    };
    typed(wanted).zip(typed(got)).is_some_and(|((wanted_type, wanted), (got_type, got))| {
        wanted_type == got_type && how.same_instant(&wanted, &got)
    })
}

/// The text of a header value, be it a string or bytes.
pub(super) fn text(value: &Json) -> Option<String> {
    let of_bytes = || bytes::read(value).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    value.as_str().map(str::to_owned).or_else(of_bytes)
}

fn same_value(wanted: &Json, got: &Json) -> bool {
    match (bytes::read(wanted), bytes::read(got)) {
        (Ok(wanted), Ok(got)) => wanted == got,
        _ => {
            let mut differences = Vec::new();
            crate::tree::json::diff(&Path::new(""), wanted, got, &mut differences);
            differences.is_empty()
        }
    }
}

/// Returns the fields of a list; `None` if it is not a list of names and values.
fn fields(list: Option<&Json>) -> Option<Vec<Field<'_>>> {
    let Some(list) = list.filter(|list| !list.is_null()) else {
        return Some(Vec::new());
    };
    list.items()?
        .iter()
        .map(|field| match field.items() {
            Some([name, value]) => name.as_str().map(|name| Field { name, value }),
            _ => None,
        })
        .collect()
}
