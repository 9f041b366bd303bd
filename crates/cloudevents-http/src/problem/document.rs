//! The members of a problem document.

use bytes::Bytes;
use cloudevents_core::{Error, ErrorKind, MediaType};
use http::{HeaderMap, StatusCode, header::CONTENT_TYPE};
use serde::Serialize;
use serde_json::{Map, Value};
use std::{borrow::Cow, collections::BTreeMap};

/// Members of RFC 9457, and the members that this toolkit's servers add.
pub(super) const KNOWN: [&str; 10] =
    ["type", "title", "status", "detail", "instance", "code", "attribute", "index", "offset", "clause"];

type Text = Option<Cow<'static, str>>;

/// Everything but the status, which is that of the response.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Document {
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub(super) problem_type: Text,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) title: Text,
    /// Set when the document is written.
    pub(super) status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) detail: Text,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) instance: Text,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) code: Text,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) attribute: Text,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) index: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) offset: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) clause: Text,
    #[serde(flatten)]
    pub(super) others: BTreeMap<String, Value>,
}

impl Document {
    /// Takes over the parts of an error that a client may know.
    pub(super) fn describe(&mut self, error: &Error) {
        self.detail = Some(error.message().to_string().into());
        self.code = Some(error.kind().code().into());
        self.attribute = error.attribute().map(|name| name.to_owned().into());
        self.index = error.index().and_then(|index| index.try_into().ok());
        self.offset = error.offset();
        self.clause = error.clause().map(Cow::Borrowed);
    }

    pub(super) fn read(body: &[u8]) -> Result<Self, Error> {
        let mut members: Map<String, Value> = serde_json::from_slice(body).map_err(not_a_problem)?;
        let mut text = |name: &str| match members.remove(name) {
            Some(Value::String(text)) => Some(Cow::Owned(text)),
            _ => None,
        };
        let mut document = Self {
            problem_type: text("type"),
            title: text("title"),
            detail: text("detail"),
            instance: text("instance"),
            code: text("code"),
            attribute: text("attribute"),
            clause: text("clause"),
            ..Self::default()
        };
        let mut number = |name: &str| members.remove(name).and_then(|value| value.as_u64());
        document.index = number("index");
        document.offset = number("offset");
        members.remove("status");
        document.others = members.into_iter().collect();
        Ok(document)
    }

    pub(super) fn write(mut self, status: StatusCode) -> Bytes {
        self.status = status.as_u16();
        // Writing text, numbers and JSON values to memory cannot fail.
        serde_json::to_vec(&self).unwrap_or_default().into()
    }
}

/// Whether the content type is `application/problem+json`.
pub(crate) fn is_problem(headers: &HeaderMap) -> bool {
    headers
        .get(CONTENT_TYPE)
        .and_then(|value| MediaType::parse(value.to_str().ok()?.trim_ascii()).ok())
        .is_some_and(|media_type| media_type.is("application/problem+json"))
}

#[cold]
fn not_a_problem(error: serde_json::Error) -> Error {
    Error::new(ErrorKind::InvalidDocument)
        .with_detail("the body is not a problem document: a JSON object (RFC 9457, section 3)")
        .with_source(error)
}
