//! How catalogs are read.

/// How catalogs are read: strictly by default, with bounds.
///
/// ```
/// use cloudevents_catalog::{Catalog, Leniency, LoadOptions};
///
/// let document = r#"{"messagegroups": {"shop": {"messages": {"com.example.order": {
///     "envelope": "CloudEvents/1.0",
///     "metadata": {"time": {"type": "timestamp", "required": true}}
/// }}}}}"#;
/// assert!(Catalog::parse(document).is_err());
///
/// let report = Catalog::read(document, &LoadOptions::strict().allow(Leniency::EarlierName))?;
/// assert_eq!(report.findings[0].to_string(),
///     "/messagegroups/shop/messages/com.example.order/metadata: read as `envelopemetadata` [earlier-name]");
/// # Ok::<(), cloudevents_catalog::LoadError>(())
/// ```
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct LoadOptions {
    /// Upper bounds enforced while reading.
    pub limits: Limits,
    allowed: Vec<Leniency>,
}

impl LoadOptions {
    /// Reads strictly by the specification. The same as the default.
    pub fn strict() -> Self {
        Self::default()
    }

    /// Accepts every deviation that has a name, and reports it. By [`Leniency::WidePlaceholder`], events are valid that the same catalog
    /// refuses when it is read strictly.
    pub fn lenient() -> Self {
        Self { limits: Limits::default(), allowed: Leniency::ALL.to_vec() }
    }

    /// Returns a copy that also allows this leniency.
    pub fn allow(mut self, leniency: Leniency) -> Self {
        if !self.allows(leniency) {
            self.allowed.push(leniency);
        }
        self
    }

    /// Whether a leniency is allowed.
    pub fn allows(&self, leniency: Leniency) -> bool {
        self.allowed.contains(&leniency)
    }
}

/// Upper bounds enforced while reading. Exceeding a bound is an error, unless the bound says otherwise. Nesting is limited to 128 levels.
///
/// ```
/// assert_eq!(cloudevents_catalog::Limits::default().bytes, 16 << 20);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Bytes of the document. 16 MiB by default. The parts that base messages add to it may have four times as many, without a shared
    /// `dataschema`.
    pub bytes: usize,
    /// JSON values of the document: texts, numbers, lists, objects and the like. 1,000,000 by default. Catalogs of 16 MiB have some
    /// 300,000. Each takes some hundred bytes of memory, even if it has few bytes in the document.
    pub values: usize,
    /// Definitions of messages, and versions of schemas. 100,000 of each by default.
    pub definitions: usize,
    /// Definitions in a chain of base messages. 16 by default.
    pub references: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { bytes: 16 << 20, values: 1_000_000, definitions: 100_000, references: 16 }
    }
}

/// A deviation from the specification that can be allowed. Existing catalogs have them.
///
/// ```
/// use cloudevents_catalog::Leniency;
///
/// assert_eq!(Leniency::FormatName.code(), "format-name");
/// assert_eq!(Leniency::of("format-name"), Some(Leniency::FormatName));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Leniency {
    /// Members have names of earlier drafts, such as `metadata` for `envelopemetadata` and `schemaurl` for `dataschemauri`.
    EarlierName,
    /// Attributes have the type `datetime`, which is now `timestamp`.
    EarlierType,
    /// Attributes are in `envelopemetadata.attributes`, as the text of the specification has it, beside its schema and its examples.
    NestedAttributes,
    /// Formats of schemas have other names or versions, such as `XMLSchema/1.1` for `XSD/1.1` and `Protobuf/3.0` for `Protobuf/3`.
    FormatName,
    /// References to messages and groups are JSON Pointers, `#/messagegroups/...`. The specification has XIDs, `/messagegroups/...`.
    PointerReference,
    /// A type within a JSON document is selected as `:definitions/X` or `#/definitions/X` after the reference.
    SubSelection,
    /// The protocol is `None`, which means that there is none.
    ProtocolNone,
    /// Values of type `symbol` have other characters than letters, digits and `_`, as symbols of AMQP may.
    AmqpSymbol,
    /// The value of `time` is `0001-01-01T00:00:00Z`. The specification has the year 0000.
    EarliestTime,
    /// `usage` of an endpoint is a string, not an array.
    SingleUsage,
    /// Placeholders match any text. By RFC 6570, reserved characters such as `/` are percent-encoded in a value.
    ///
    /// It changes verdicts on events. All other variants are about the catalog. [`Verdict::repairs`](crate::Verdict::repairs) names it.
    WidePlaceholder,
}

impl Leniency {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::EarlierName,
        Self::EarlierType,
        Self::NestedAttributes,
        Self::FormatName,
        Self::PointerReference,
        Self::SubSelection,
        Self::ProtocolNone,
        Self::AmqpSymbol,
        Self::EarliestTime,
        Self::SingleUsage,
        Self::WidePlaceholder,
    ];

    /// Returns the leniency with this code.
    pub fn of(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.code() == code)
    }

    /// The kebab-case code that programs may rely on.
    pub const fn code(self) -> &'static str {
        match self {
            Self::EarlierName => "earlier-name",
            Self::EarlierType => "earlier-type",
            Self::NestedAttributes => "nested-attributes",
            Self::FormatName => "format-name",
            Self::PointerReference => "pointer-reference",
            Self::SubSelection => "sub-selection",
            Self::ProtocolNone => "protocol-none",
            Self::AmqpSymbol => "amqp-symbol",
            Self::EarliestTime => "earliest-time",
            Self::SingleUsage => "single-usage",
            Self::WidePlaceholder => "wide-placeholder",
        }
    }
}
