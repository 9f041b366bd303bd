//! How filters are read.

use cloudevents_sql::Options as SqlOptions;

/// How filters are read: strictly by default, with the limits and functions of the expressions in them.
///
/// ```
/// use cloudevents_subscriptions::{FilterOptions, Filters, Leniency};
///
/// let document = r#"[{"cesql": "priority > 2"}]"#;
/// assert!(Filters::parse(document).is_err());
///
/// let options = FilterOptions::strict().allow(Leniency::CesqlDialect);
/// let parsed = Filters::parse_with(document, &options)?;
/// assert_eq!(parsed.value.to_string(), r#"[{"sql":"priority > 2"}]"#);
/// assert_eq!(parsed.repairs[0].path, "/0/cesql");
/// # Ok::<(), cloudevents_subscriptions::Invalid>(())
/// ```
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct FilterOptions {
    /// How expressions of the dialect `sql` are parsed.
    pub sql: SqlOptions,
    cesql: bool,
    data: bool,
}

impl FilterOptions {
    /// Reads strictly by the specification. The same as the default.
    pub fn strict() -> Self {
        Self::default()
    }

    /// Returns a copy that also allows this leniency.
    pub fn allow(mut self, leniency: Leniency) -> Self {
        match leniency {
            Leniency::CesqlDialect => self.cesql = true,
        }
        self
    }

    /// Returns a copy that also reads `data`, which is a dialect of this toolkit: [`Filter::Data`](crate::Filter::Data).
    ///
    /// No specification has this dialect, and other implementations refuse it. A document may have 64 places at most.
    ///
    /// ```
    /// use cloudevents_subscriptions::{FilterOptions, Filters};
    ///
    /// let document = r#"[{"data": {"order.id": {"any": [{"exact": "7"}, {"prefix": "A-"}]}}}]"#;
    /// assert!(Filters::parse(document).is_err());
    /// assert!(Filters::parse_with(document, &FilterOptions::strict().with_data()).is_ok());
    /// ```
    pub fn with_data(mut self) -> Self {
        self.data = true;
        self
    }

    /// Whether the dialect `data` is read.
    pub fn reads_data(&self) -> bool {
        self.data
    }

    /// Whether a leniency is allowed.
    pub fn allows(&self, leniency: Leniency) -> bool {
        match leniency {
            Leniency::CesqlDialect => self.cesql,
        }
    }
}

/// A deviation from the specification that can be allowed.
///
/// ```
/// assert_eq!(cloudevents_subscriptions::Leniency::CesqlDialect.code(), "cesql-dialect");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Leniency {
    /// Accepts `cesql`, Knative's name for the dialect `sql`.
    CesqlDialect,
}

impl Leniency {
    /// The kebab-case code that programs may rely on.
    pub const fn code(self) -> &'static str {
        match self {
            Self::CesqlDialect => "cesql-dialect",
        }
    }
}
