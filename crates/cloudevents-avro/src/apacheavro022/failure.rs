//! Errors of schemas and of values.

use cloudevents_core::{Error, ErrorKind};
use std::borrow::Cow;

#[cold]
pub(super) fn invalid(detail: impl Into<Cow<'static, str>>) -> Error {
    Error::new(ErrorKind::InvalidData).with_detail(detail)
}

#[cold]
pub(super) fn too_large(detail: impl Into<Cow<'static, str>>) -> Error {
    Error::new(ErrorKind::TooLarge).with_detail(detail)
}
