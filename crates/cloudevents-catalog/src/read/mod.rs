//! Reading documents: schemas first, then messages and endpoints, which refer to them.

mod attributes;
mod combine;
mod endpoints;
mod entities;
mod envelopes;
mod messages;
mod protocols;
mod schemas;

pub(crate) use attributes::Attribute;
pub(crate) use schemas::Found;

use crate::finding::Notes;
use crate::size::values_in;
use crate::{Catalog, Level, LoadError, LoadOptions, Report};
use cloudevents_json::codec;
use combine::combine;
use entities::Members;
use schemas::Schemas;
use serde_json::Value;

impl Catalog {
    /// Reads a JSON document, strictly: a mistake is an error.
    pub fn parse(document: impl AsRef<[u8]>) -> Result<Self, LoadError> {
        let report = Self::read(document, &LoadOptions::strict())?;
        match report.findings.iter().find(|finding| finding.level == Level::Mistake) {
            None => Ok(report.catalog),
            Some(finding) => Err(LoadError::new(finding.to_string())),
        }
    }

    /// Reads a JSON document, and reports everything that is found in it.
    ///
    /// Errors: the document is not JSON, has a duplicate member, is not an object, or exceeds a limit.
    pub fn read(document: impl AsRef<[u8]>, options: &LoadOptions) -> Result<Report, LoadError> {
        let text = document.as_ref();
        if text.len() > options.limits.bytes {
            return Err(LoadError::new(format!("the document has more than {} bytes", options.limits.bytes)));
        }
        let document = parse(text, &mut { options.limits.values })?;
        self::document(document, options)
    }

    /// Reads several documents as one catalog, such as the documents of a folder ([`open`](Self::open)). Groups may be in several
    /// documents.
    ///
    /// Errors are those of [`read`](Self::read). It is also an error if two documents have the same message or schema, and differ.
    /// `Limits::bytes` and `Limits::values` are for all documents together.
    ///
    /// ```
    /// use cloudevents_catalog::{Catalog, LoadOptions};
    ///
    /// let documents = [
    ///     r#"{"messagegroups": {"shop": {"messages": {"com.example.order": {}}}}}"#,
    ///     r#"{"messagegroups": {"shop": {"messages": {"com.example.return": {}}}}}"#,
    /// ];
    /// let report = Catalog::read_all(documents, &LoadOptions::strict())?;
    /// assert_eq!(report.catalog.messages().count(), 2);
    /// # Ok::<(), cloudevents_catalog::LoadError>(())
    /// ```
    pub fn read_all(
        documents: impl IntoIterator<Item = impl AsRef<[u8]>>,
        options: &LoadOptions,
    ) -> Result<Report, LoadError> {
        let (mut left, mut values_left) = (options.limits.bytes, options.limits.values);
        let values = documents.into_iter().map(|document| {
            let text = document.as_ref();
            left = left.checked_sub(text.len()).ok_or_else(|| {
                LoadError::new(format!("the documents have more than {} bytes", options.limits.bytes))
            })?;
            parse(text, &mut values_left)
        });
        self::documents(values, options)
    }
}

/// Parses a document that has no more values than are left, and takes these.
pub(crate) fn parse(text: &[u8], left: &mut usize) -> Result<Value, LoadError> {
    spend_values(text, left)?;
    codec::parse(text).map_err(LoadError::of)
}

/// Takes the values of a text in JSON from the values that remain.
pub(crate) fn spend_values(text: &[u8], left: &mut usize) -> Result<(), LoadError> {
    let rest = left.checked_sub(values_in(text));
    *left = rest.ok_or_else(|| LoadError::new("there are more JSON values than Limits::values"))?;
    Ok(())
}

fn document(document: Value, options: &LoadOptions) -> Result<Report, LoadError> {
    let Value::Object(root) = &document else {
        return Err(LoadError::no_object(&document));
    };
    let mut notes = Notes::new(options, &document);
    let schemas = Schemas::read(root, &mut notes)?;
    let messages = messages::read(root, &schemas, &mut notes)?;
    endpoints::read(root, &mut notes);
    let findings = notes.into_findings();
    Ok(Report { catalog: Catalog::new(messages, document), findings })
}

/// Several documents as one.
pub(crate) fn documents(
    documents: impl Iterator<Item = Result<Value, LoadError>>,
    options: &LoadOptions,
) -> Result<Report, LoadError> {
    let mut all = Members::new();
    for read in documents {
        match read? {
            Value::Object(members) => combine(members, &mut all)?,
            other => return Err(LoadError::no_object(&other)),
        }
    }
    document(all.into(), options)
}
