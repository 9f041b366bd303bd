//! The differences of specversion 0.3: `schemaurl` and `datacontentencoding`.

use crate::{
    Error, ErrorKind, SpecVersion, Timestamp, Uri, UriReference, Value,
    attributes::{Extension, ExtensionKind},
    core_attribute::Core,
    parts::{self, Parts, empty},
    side::Side,
    text,
};
use alloc::vec::Vec;

/// The attribute name of a core slot.
#[inline]
pub(crate) fn core_name(specversion: SpecVersion, core: Core) -> &'static str {
    match (specversion, core) {
        (SpecVersion::V03, Core::DataSchema) => "schemaurl",
        _ => core.name(),
    }
}

/// The value of a core attribute, which was checked before.
#[inline]
pub(crate) fn core_value(specversion: SpecVersion, core: Core, text: &str) -> Value<'_> {
    match core {
        Core::Id | Core::Type | Core::Subject | Core::DataContentType => Value::String(text),
        Core::Source => Value::UriReference(UriReference::known(text)),
        Core::DataSchema if specversion == SpecVersion::V03 => Value::UriReference(UriReference::known(text)),
        Core::DataSchema => Value::Uri(Uri::known(text)),
        Core::Time => Value::Timestamp(Timestamp::known(text)),
    }
}

/// The core slot of an attribute name.
#[inline]
pub(crate) fn core_from_name(specversion: SpecVersion, name: &str) -> Option<Core> {
    match specversion {
        SpecVersion::V1 => Core::from_name(name.as_bytes()),
        SpecVersion::V03 => match name {
            "schemaurl" => Some(Core::DataSchema),
            "dataschema" => None,
            _ => Core::from_name(name.as_bytes()),
        },
    }
}

/// Whether a name belongs to an attribute of the specification and cannot name an extension.
pub(crate) fn is_reserved(specversion: SpecVersion, name: &str) -> bool {
    name == "specversion"
        || core_from_name(specversion, name).is_some()
        || specversion == SpecVersion::V03 && name == "datacontentencoding"
}

/// The rules of a core attribute in either version.
pub(crate) fn check_core(specversion: SpecVersion, core: Core, value: &str) -> Result<(), Error> {
    match (specversion, core) {
        (SpecVersion::V03, Core::DataSchema) if value.is_empty() => Err(empty("schemaurl")),
        (SpecVersion::V03, Core::DataSchema) => {
            UriReference::parse(value).map(drop).map_err(|error| error.with_attribute("schemaurl"))
        }
        _ => parts::check_core(core, value),
    }
}

/// The name of an attribute, and its error.
pub(crate) type Invalid = (&'static str, Error);

/// Moves attributes that were read under 1.0 names to their places in 0.3: `schemaurl` to its slot, and `dataschema`, which 0.3 does
/// not have, to the extensions. Removes the `datacontentencoding`, and returns whether the payload is base64 text, and the errors of
/// optional attributes, which are left out.
#[cold]
pub(crate) fn adopt(parts: &mut Parts<impl Side>) -> Result<(bool, Vec<Invalid>), Error> {
    let mut invalid = Vec::new();
    let dataschema = parts.core(Core::DataSchema);
    parts.set_core(Core::DataSchema, Default::default());
    if let Ok(at) = parts.find(b"schemaurl") {
        let extension = parts.extensions.remove(at);
        if extension.kind != ExtensionKind::Unset {
            let text = text_of(parts, extension, "schemaurl");
            match text.and_then(|text| check_core(SpecVersion::V03, Core::DataSchema, &text)) {
                Ok(()) => parts.set_core(Core::DataSchema, extension.value),
                Err(error) => invalid.push(("schemaurl", error)),
            }
        }
    }
    if !dataschema.is_absent() {
        let text = alloc::string::String::from(parts.str(dataschema));
        match text::check(&text) {
            Ok(()) => parts.put("dataschema", Value::String(&text))?,
            Err(error) => invalid.push(("dataschema", error)),
        }
    }
    let Ok(at) = parts.find(b"datacontentencoding") else { return Ok((false, invalid)) };
    let extension = parts.extensions.remove(at);
    if extension.kind == ExtensionKind::Unset {
        return Ok((false, invalid));
    }
    let encoding = text_of(parts, extension, "datacontentencoding")?;
    match encoding.as_str() {
        base64 if base64.eq_ignore_ascii_case("base64") => Ok((true, invalid)),
        _ => Err(Error::new(ErrorKind::InvalidData)
            .with_attribute("datacontentencoding")
            .with_detail(alloc::format!(
                "`{encoding}`; base64 is the only content encoding that is supported"
            ))
            .with_help("write bytes as base64, and leave the attribute out otherwise")),
    }
}

fn text_of(
    parts: &Parts<impl Side>,
    extension: Extension,
    name: &str,
) -> Result<alloc::string::String, Error> {
    use ExtensionKind as Is;
    match extension.kind {
        Is::String | Is::Uri | Is::UriReference => Ok(parts.str(extension.value).into()),
        other => Err(Error::new(ErrorKind::InvalidType)
            .with_attribute(name)
            .with_detail(alloc::format!("text is expected, and this is of the type {other:?}"))),
    }
}
