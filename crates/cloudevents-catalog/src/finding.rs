//! Findings in a catalog: mistakes, repairs and advice, each with its place and rule.

use crate::earlier_names::written;
use crate::{Leniency, LoadOptions};
use serde_json::Value;
use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::fmt;

/// Something found in a catalog.
///
/// ```
/// use cloudevents_catalog::{Catalog, Level, LoadOptions, Rule};
///
/// let document = r#"{"messagegroups": {"shop": {"messages": {"com.example.order": {
///     "envelope": "CloudEvents/1.0", "envelopemetadata": {"time": {"type": "tiemstamp"}}
/// }}}}}"#;
/// let report = Catalog::read(document, &LoadOptions::strict())?;
/// let finding = &report.findings[0];
/// assert_eq!((finding.level, finding.rule), (Level::Mistake, Rule::AttributeType));
/// assert_eq!(finding.place, "/messagegroups/shop/messages/com.example.order/envelopemetadata/time/type");
/// # Ok::<(), cloudevents_catalog::LoadError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// How serious it is.
    pub level: Level,
    /// The rule that is broken.
    pub rule: Rule,
    /// The place as a JSON Pointer (RFC 6901) in the document.
    pub place: String,
    /// The fault, as a sentence without a full stop.
    pub message: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} [{}]", self.place, self.message, self.rule.code())
    }
}

/// How serious a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Level {
    /// The document breaks a rule (MUST).
    Mistake,
    /// The document breaks a rule, and a leniency allows it.
    Repaired,
    /// The document does not follow a recommendation, or has something that cannot be checked.
    Advice,
}

macro_rules! rules {
    ($($(#[$doc:meta])* $name:ident $code:literal;)*) => {
        /// A rule for catalogs.
        ///
        /// ```
        /// assert_eq!(cloudevents_catalog::Rule::IdMismatch.code(), "id-mismatch");
        /// ```
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Rule {
            $($(#[$doc])* $name,)*
            /// A deviation that a leniency names.
            Deviation(Leniency),
        }

        impl Rule {
            /// The kebab-case code that programs may rely on.
            pub const fn code(self) -> &'static str {
                match self {
                    $(Self::$name => $code,)*
                    Self::Deviation(leniency) => leniency.code(),
                }
            }
        }
    };
}

rules! {
    /// A member has a value of the type that the specification states.
    MemberType "member-type";
    /// The id of an entity is its key in the collection.
    IdMismatch "id-mismatch";
    /// An `xid` is the path of its entity.
    XidMismatch "xid-mismatch";
    /// An envelope is named `NAME/VERSION`.
    EnvelopeName "envelope-name";
    /// A message has an envelope if its group has one, or if it has `envelopemetadata`.
    EnvelopeMissing "envelope-missing";
    /// A message has the envelope of its group.
    EnvelopeMismatch "envelope-mismatch";
    /// A protocol is named `NAME` or `NAME/VERSION`, and the specification has it (advice).
    ProtocolName "protocol-name";
    /// A message has the protocol of its group.
    ProtocolMismatch "protocol-mismatch";
    /// Options of a protocol have the values that the protocol allows, and do not exclude each other.
    ProtocolOption "protocol-option";
    /// The name of an attribute has only lower-case letters and digits.
    AttributeName "attribute-name";
    /// The type of an attribute is known, and the attribute can have it.
    AttributeType "attribute-type";
    /// The value of an attribute is a value of its type.
    AttributeValue "attribute-value";
    /// `id`, `type` and `source` are not declared with `required: false`.
    AttributeRequired "attribute-required";
    /// A URI template is of level 1 of RFC 6570.
    Template "template";
    /// A value can be extracted from a template in one way (advice).
    TemplateAmbiguous "template-ambiguous";
    /// The value of `id` is not defined, and that of `time` is the current time (advice).
    ValueFixed "value-fixed";
    /// The id of a message is the value of its attribute `type` (advice).
    IdIsType "id-is-type";
    /// A base message exists (advice: dangling references are permitted).
    BaseMissing "base-missing";
    /// A chain of base messages ends.
    BaseCycle "base-cycle";
    /// `dataschema` and `dataschemauri` exclude each other.
    SchemaConflict "schema-conflict";
    /// A message with a schema has `dataschemaformat`.
    FormatMissing "format-missing";
    /// The format of a schema is `NAME/VERSION`.
    FormatSyntax "format-syntax";
    /// A message and its schema, or a schema and its versions, have the same format.
    FormatMismatch "format-mismatch";
    /// The attribute `dataschema` is the `dataschemauri` of its message.
    DataschemaMismatch "dataschema-mismatch";
    /// The attribute `datacontenttype` is the `datacontenttype` of its message.
    ContentTypeMismatch "content-type-mismatch";
    /// A content type is a media type.
    ContentType "content-type";
    /// References name things that exist.
    Dangling "dangling";
    /// A reference has the form of an XID, a JSON Pointer or an absolute URI (advice, if it does not have to have one).
    Reference "reference";
    /// A schema has a document, in one form.
    SchemaDocument "schema-document";
    /// A schema is valid in its format, and its references into itself have targets.
    ///
    /// It is advice if the schema is beyond a limit of this crate, or refers to another document.
    SchemaInvalid "schema-invalid";
    /// Payloads are judged by a schema (advice).
    ///
    /// It is in the catalog, and of a format that this build judges. Its format is the format of the content type. If it has several types,
    /// one of them is selected.
    NotJudged "not-judged";
    /// The default version of a schema or a message exists, and so does the ancestor of a version.
    SchemaVersion "schema-version";
    /// `usage` of an endpoint is there, and has known values.
    Usage "usage";
    /// The mode of an endpoint is `binary` or `structured`.
    EnvelopeMode "envelope-mode";
}

/// The beginning of a text, in about so many bytes.
pub(crate) fn short(text: &str, most: usize) -> Cow<'_, str> {
    if text.len() <= most {
        return text.into();
    }
    let start = (0..=most).rev().find_map(|at| text.get(..at));
    format!("{}…", start.unwrap_or_default()).into()
}

/// Collects findings.
pub(crate) struct Notes<'a> {
    pub(crate) options: &'a LoadOptions,
    /// The document that is read.
    pub(crate) document: &'a Value,
    findings: Vec<Finding>,
    seen: HashSet<(Rule, String, String)>,
    once: HashSet<String>,
    /// Whether nothing is reported. It is set for consequences of a mistake that was reported.
    pub(crate) is_quiet: bool,
    /// The places of versions, by the places of their messages, which may have members, too.
    pub(crate) versions: HashMap<String, String>,
    /// The budget for members that messages inherit.
    pub(crate) inherited: Budget,
    /// The patterns, paths and texts of schemas, each time that they are compiled.
    pub(crate) compiled: Budget,
}

/// The most bytes that all schemas take, about. Compiling their patterns takes seconds.
const COMPILED: usize = 256 << 20;

/// The bytes that parts of the document may take beyond their own. A document could have a large part that thousands of others refer to.
pub(crate) struct Budget(Option<usize>);

impl Budget {
    /// Returns whether so much may be taken, and counts it. After the first time that it may not be, nothing may.
    pub(crate) fn spend(&mut self, bytes: usize) -> bool {
        self.0 = self.0.and_then(|left| left.checked_sub(bytes));
        self.0.is_some()
    }
}

impl<'a> Notes<'a> {
    pub(crate) fn new(options: &'a LoadOptions, document: &'a Value) -> Self {
        let of_bytes = options.limits.bytes.saturating_mul(4);
        Self {
            options,
            document,
            findings: Vec::new(),
            seen: HashSet::new(),
            once: HashSet::new(),
            is_quiet: false,
            versions: HashMap::new(),
            inherited: Budget(Some(of_bytes)),
            compiled: Budget(Some(COMPILED)),
        }
    }

    pub(crate) fn mistake(&mut self, rule: Rule, place: impl Into<String>, message: impl Into<String>) {
        self.add(Level::Mistake, rule, place.into(), message.into());
    }

    pub(crate) fn advice(&mut self, rule: Rule, place: impl Into<String>, message: impl Into<String>) {
        self.add(Level::Advice, rule, place.into(), message.into());
    }

    /// Advice that is given once per catalog.
    pub(crate) fn advice_once(&mut self, rule: Rule, place: impl Into<String>, message: String) {
        if !self.is_quiet && self.once.insert(message.clone()) {
            self.advice(rule, place, message);
        }
    }

    /// Reports a deviation, and returns whether it may be repaired.
    pub(crate) fn deviation(
        &mut self,
        leniency: Leniency,
        place: impl Into<String>,
        message: impl Into<String>,
    ) -> bool {
        let is_allowed = self.options.allows(leniency);
        let level = if is_allowed { Level::Repaired } else { Level::Mistake };
        self.add(level, Rule::Deviation(leniency), place.into(), message.into());
        is_allowed
    }

    pub(crate) fn into_findings(self) -> Vec<Finding> {
        self.findings
    }

    /// A place as it is in the document: that of a member of a message may be in its version.
    pub(crate) fn written(&self, place: &str) -> String {
        let (own, is_there) = written(self.document, place);
        let of_version = || {
            // A message is four names deep.
            let end = place.match_indices('/').nth(4).map_or(place.len(), |(at, _)| at);
            let (message, member) = place.split_at_checked(end)?;
            let version = format!("{}{member}", self.versions.get(message)?);
            Some(written(self.document, &version)).filter(|(_, is_there)| *is_there)
        };
        if is_there { own } else { of_version().map_or(own, |(version, _)| version) }
    }

    /// Adds a finding once. A part that messages inherit is found again in each of them.
    fn add(&mut self, level: Level, rule: Rule, place: String, message: String) {
        if self.is_quiet {
            return;
        }
        let place = self.written(&place);
        if self.seen.insert((rule, place.clone(), message.clone())) {
            self.findings.push(Finding { level, rule, place, message });
        }
    }
}
