//! The signature base (RFC 9421, section 2.5).

use super::{
    Component, SignatureError,
    fields::{INPUT, serialize},
};
use http::{HeaderMap, header, request::Parts};
use sfv::InnerList;
use std::fmt::Write;

/// The signed text: a line for each component, and one for the parameters. The authority is that of the request unless it is given.
pub(super) fn base(
    request: &Parts,
    authority: Option<&str>,
    components: &[Component],
    covered: &InnerList,
) -> Result<String, SignatureError> {
    let parameters = serialize(covered).ok_or(SignatureError::Malformed(INPUT))?;
    let mut base = String::new();
    for component in components {
        let value = value(request, authority, component)
            .ok_or_else(|| SignatureError::Component(component.to_string().into()))?;
        // Writing into a string does not fail.
        let _ = writeln!(base, "\"{component}\": {value}");
    }
    let _ = write!(base, "\"@signature-params\": {parameters}");
    Ok(base)
}

fn value(request: &Parts, expected: Option<&str>, component: &Component) -> Option<String> {
    let uri = &request.uri;
    let path = if uri.path().is_empty() { "/" } else { uri.path() };
    match component {
        Component::Method => Some(request.method.as_str().into()),
        Component::Authority => authority(request, expected),
        Component::Path => Some(path.into()),
        Component::Query => Some(format!("?{}", uri.query().unwrap_or_default())),
        Component::TargetUri => {
            let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
            Some(format!("{}://{}{path}{query}", scheme(request, expected), authority(request, expected)?))
        }
        Component::Field(name) => field(&request.headers, name.as_str()),
    }
}

/// The values of a field, each without white space around it, joined as section 2.1 says. `None` if it is absent or not ASCII.
pub(super) fn field(headers: &HeaderMap, name: &str) -> Option<String> {
    let mut values = headers.get_all(name).iter().peekable();
    values.peek()?;
    let values: Result<Vec<&str>, _> = values.map(|value| value.to_str().map(str::trim)).collect();
    Some(values.ok()?.join(", "))
}

/// The value of a field that is there once, as it is signed: the same text, split into several fields or with white space around it, fits
/// the same signature.
pub(super) fn only<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next().filter(|_| values.next().is_none())?;
    value.to_str().ok().map(str::trim)
}

/// A receiver assumes the scheme of deliveries, `https`, because the request that it sees may be that of a proxy.
fn scheme<'a>(request: &'a Parts, expected: Option<&str>) -> &'a str {
    request.uri.scheme_str().filter(|_| expected.is_none()).unwrap_or("https")
}

fn authority(request: &Parts, expected: Option<&str>) -> Option<String> {
    let named = match (expected, request.uri.authority()) {
        (Some(expected), _) => expected.into(),
        (None, Some(authority)) => authority.as_str().into(),
        (None, None) => field(&request.headers, header::HOST.as_str())?,
    };
    let named = named.to_ascii_lowercase();
    let usual = if scheme(request, expected) == "http" { ":80" } else { ":443" };
    Some(named.strip_suffix(usual).unwrap_or(&named).into())
}
