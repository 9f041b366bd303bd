//! The content types that codecs read.

use cloudevents_core::MediaType;

/// Whether the type is one of these, or a subtype with one of these endings.
pub(crate) fn is_one_of(content_type: MediaType<'_>, types: &[&str], ending: &str) -> bool {
    let subtype = content_type.subtype().as_bytes();
    types.iter().any(|ty| content_type.is(ty))
        || subtype
            .len()
            .checked_sub(ending.len())
            .and_then(|at| subtype.get(at..))
            .is_some_and(|end| end.eq_ignore_ascii_case(ending.as_bytes()))
}
