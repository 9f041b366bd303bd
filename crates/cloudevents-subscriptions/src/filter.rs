//! Filters.

use crate::input::{self, Attributes, OfEvent};
use crate::{Conditions, DataConditions, Evaluation, Invalid};
use cloudevents_core::{DecodeOptions, Error, Event, Message};
use cloudevents_sql::Expression;

/// A filter: one expression of one of the dialects (Subscriptions API 3.2.4).
///
/// ```
/// use cloudevents_core::Event;
/// use cloudevents_subscriptions::Filter;
///
/// let filter = Filter::all([
///     Filter::prefix([("type", "com.example.")])?,
///     Filter::not(Filter::exact([("subject", "test")])?),
///     Filter::Sql("priority > 2".parse()?),
/// ])?;
/// let event = Event::builder().id("1").source("/s").ty("com.example.order").extension("priority", 3).build()?;
/// assert!(filter.matches(&event));
/// assert_eq!(
///     filter.to_string(),
///     r#"{"all":[{"prefix":{"type":"com.example."}},{"not":{"exact":{"subject":"test"}}},{"sql":"priority > 2"}]}"#
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Filter {
    /// `exact`: every attribute has this text.
    Exact(Conditions),
    /// `prefix`: every attribute begins with this text.
    Prefix(Conditions),
    /// `suffix`: every attribute ends with this text.
    Suffix(Conditions),
    /// `all`: every one of the filters is true.
    All(Group),
    /// `any`: at least one of the filters is true.
    Any(Group),
    /// `not`: the filter is false.
    Not(Box<Filter>),
    /// `sql`: the value of the expression is the Boolean TRUE, and no error was met.
    Sql(Expression),
    /// `data`, which is a dialect of this toolkit: every place of the JSON payload passes its test.
    Data(DataConditions),
}

impl Filter {
    /// Every attribute has exactly this text. Attributes compare by their canonical text. An absent attribute does not match.
    pub fn exact<N: AsRef<str>, T: AsRef<str>>(
        conditions: impl IntoIterator<Item = (N, T)>,
    ) -> Result<Self, Invalid> {
        Conditions::new(conditions).map(Self::Exact)
    }

    /// Every attribute begins with this text.
    pub fn prefix<N: AsRef<str>, T: AsRef<str>>(
        conditions: impl IntoIterator<Item = (N, T)>,
    ) -> Result<Self, Invalid> {
        Conditions::new(conditions).map(Self::Prefix)
    }

    /// Every attribute ends with this text.
    pub fn suffix<N: AsRef<str>, T: AsRef<str>>(
        conditions: impl IntoIterator<Item = (N, T)>,
    ) -> Result<Self, Invalid> {
        Conditions::new(conditions).map(Self::Suffix)
    }

    /// Every one of these filters is true: one or more.
    pub fn all(filters: impl IntoIterator<Item = Self>) -> Result<Self, Invalid> {
        Group::new(filters).map(Self::All)
    }

    /// At least one of these filters is true: one or more.
    pub fn any(filters: impl IntoIterator<Item = Self>) -> Result<Self, Invalid> {
        Group::new(filters).map(Self::Any)
    }

    /// The filter is false.
    // The dialect's name; there is no `!` of filters.
    #[allow(clippy::should_implement_trait)]
    pub fn not(filter: Self) -> Self {
        Self::Not(Box::new(filter))
    }

    /// The name of the dialect.
    pub fn dialect(&self) -> &'static str {
        match self {
            Self::Exact(_) => "exact",
            Self::Prefix(_) => "prefix",
            Self::Suffix(_) => "suffix",
            Self::All(_) => "all",
            Self::Any(_) => "any",
            Self::Not(_) => "not",
            Self::Sql(_) => "sql",
            Self::Data(_) => "data",
        }
    }

    /// Whether the event passes.
    pub fn matches(&self, event: &Event) -> bool {
        self.passes(&OfEvent::new(event))
    }

    /// Whether the event passes, and why a filter of the dialect `data` could not read the payload.
    pub fn evaluate(&self, event: &Event) -> Evaluation {
        let event = OfEvent::new(event);
        Evaluation { passes: self.passes(&event), unreadable: event.unreadable() }
    }

    /// Whether the message passes, without decoding it.
    ///
    /// A document is read only up to the last attribute that the filter uses. The rest is not checked. For the dialect `data`, the document
    /// is decoded.
    ///
    /// [`Filters`](crate::Filters) keep the names of these attributes; a filter alone collects them with each call. Errors:
    /// [`Batched`](cloudevents_core::ErrorKind::Batched) for a batch, and the errors of reading a document.
    pub fn matches_message(&self, message: &Message, with: &DecodeOptions) -> Result<bool, Error> {
        match message {
            Message::Binary(event) => Ok(self.matches(event)),
            _ if self.reads_data() => Ok(self.matches(&message.event(with)?.value)),
            _ => message.look_up(&input::names([self]), with, |found| self.passes(&found)),
        }
    }

    /// Whether a filter of the dialect `data` is in it.
    pub(crate) fn reads_data(&self) -> bool {
        match self {
            Self::All(group) | Self::Any(group) => group.iter().any(Self::reads_data),
            Self::Not(filter) => filter.reads_data(),
            Self::Data(_) => true,
            Self::Exact(_) | Self::Prefix(_) | Self::Suffix(_) | Self::Sql(_) => false,
        }
    }

    pub(crate) fn passes(&self, on: &impl Attributes) -> bool {
        match self {
            Self::Exact(conditions) => conditions.all(on, |text, wanted| text == wanted),
            Self::Prefix(conditions) => conditions.all(on, |text, wanted| text.starts_with(wanted)),
            Self::Suffix(conditions) => conditions.all(on, |text, wanted| text.ends_with(wanted)),
            Self::All(group) => group.iter().all(|filter| filter.passes(on)),
            Self::Any(group) => group.iter().any(|filter| filter.passes(on)),
            Self::Not(filter) => !filter.passes(on),
            Self::Sql(expression) => on.pass(expression),
            Self::Data(conditions) => on.payload().is_ok_and(|json| conditions.all(json)),
        }
    }
}

/// One filter or more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group(Box<[Filter]>);

impl Group {
    /// Checks that there is one (clause SUBS-3.2.4.1.1-i).
    pub fn new(filters: impl IntoIterator<Item = Filter>) -> Result<Self, Invalid> {
        let filters: Box<[Filter]> = filters.into_iter().collect();
        if filters.is_empty() {
            return Err(Invalid::new("", "there is no filter in the array"));
        }
        Ok(Self(filters))
    }

    /// The filters.
    pub fn iter(&self) -> std::slice::Iter<'_, Filter> {
        self.0.iter()
    }
}

impl<'a> IntoIterator for &'a Group {
    type Item = &'a Filter;
    type IntoIter = std::slice::Iter<'a, Filter>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}
