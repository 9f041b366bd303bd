//! The dialect `data`: conditions of places of a JSON payload. It is a dialect of this toolkit, and of no specification.

use crate::Invalid;
use cloudevents_json::codec::{place, token};

/// Names and indices in a place.
const DEPTH: usize = 32;

/// Places of a JSON payload and a test for each: one or more, in the order of the places.
///
/// A place has full stops between names of members and indices of arrays, as in templates: `order.items.0.id`. A place without a text is
/// absent: a member that is not there, `null`, an object, an array and an empty string.
///
/// ```
/// use cloudevents_core::{Event, Payload};
/// use cloudevents_subscriptions::{DataConditions, DataTest, Filter};
///
/// let paid = DataConditions::new([("order.status", DataTest::exact("paid")?), ("order.id", DataTest::prefix("A-")?)])?;
/// let event = Event::builder().id("1").source("/s").ty("t");
/// let event = event.payload("application/json", Payload::json(r#"{"order": {"id": "A-7", "status": "paid"}}"#)).build()?;
/// assert!(Filter::Data(paid).matches(&event));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataConditions(Box<[(Box<str>, DataTest)]>);

/// A test of the text of a place: the text of a string, and a number or truth value as the payload has it, such as `1.50` and `true`.
///
/// `exact`, `prefix` and `suffix` are false for an absent place, so `not` makes them true.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataTest(pub(crate) Test);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Test {
    Exact(Box<str>),
    Prefix(Box<str>),
    Suffix(Box<str>),
    All(Box<[DataTest]>),
    Any(Box<[DataTest]>),
    Not(Box<DataTest>),
}

/// Why a payload has no places. A filter of the dialect `data` is false then.
///
/// ```
/// assert_eq!(cloudevents_subscriptions::UnreadablePayload::NotJson.to_string(), "the payload is not JSON");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum UnreadablePayload {
    /// The event has no payload.
    Absent,
    /// The payload is not JSON. Bytes are JSON with a content type of JSON, if they can be read.
    NotJson,
    /// The payload has more than [`DataConditions::MAX_PAYLOAD`] bytes.
    TooLarge,
}

impl DataConditions {
    /// The largest payload in bytes that is read: 1 MiB. Each condition reads the payload once for each name of its place.
    pub const MAX_PAYLOAD: usize = 1 << 20;

    /// Checks the places: they have names, 32 at most, and no place is there twice.
    pub fn new<P: AsRef<str>>(conditions: impl IntoIterator<Item = (P, DataTest)>) -> Result<Self, Invalid> {
        let mut list = Vec::new();
        for (place, test) in conditions {
            let place = place.as_ref();
            if place.split('.').any(str::is_empty) {
                let message = "a place has names with full stops between them, as in `order.id`";
                return Err(Invalid::new(token(place), message));
            }
            if place.split('.').nth(DEPTH).is_some() {
                return Err(Invalid::new(token(place), format!("a place has {DEPTH} names at most")));
            }
            list.push((Box::from(place), test));
        }
        list.sort_unstable_by(|(one, _): &(Box<str>, _), (two, _)| one.cmp(two));
        if let Some([(place, _), _]) =
            list.windows(2).find(|pair| matches!(pair, [(one, _), (two, _)] if one == two))
        {
            return Err(Invalid::new(token(place), "the place is there twice"));
        }
        if list.is_empty() {
            return Err(Invalid::new("", "no place is named"));
        }
        Ok(Self(list.into()))
    }

    /// Places and tests, by place.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &DataTest)> {
        self.0.iter().map(|(place, test)| (&**place, test))
    }

    /// Whether all tests are true for this JSON.
    pub(crate) fn all(&self, json: &str) -> bool {
        self.0.iter().all(|(place, test)| test.is_true(place::text(json, place).as_deref()))
    }
}

impl DataTest {
    /// The place has exactly this text, which is not empty.
    pub fn exact(text: impl Into<Box<str>>) -> Result<Self, Invalid> {
        not_empty(text).map(Test::Exact).map(Self)
    }

    /// The text of the place begins with this text, which is not empty.
    pub fn prefix(text: impl Into<Box<str>>) -> Result<Self, Invalid> {
        not_empty(text).map(Test::Prefix).map(Self)
    }

    /// The text of the place ends with this text, which is not empty.
    pub fn suffix(text: impl Into<Box<str>>) -> Result<Self, Invalid> {
        not_empty(text).map(Test::Suffix).map(Self)
    }

    /// Every one of these tests is true: one or more.
    pub fn all(tests: impl IntoIterator<Item = Self>) -> Result<Self, Invalid> {
        group(tests).map(Test::All).map(Self)
    }

    /// At least one of these tests is true: one or more.
    pub fn any(tests: impl IntoIterator<Item = Self>) -> Result<Self, Invalid> {
        group(tests).map(Test::Any).map(Self)
    }

    /// The test is false.
    // The dialect's name; there is no `!` of tests.
    #[allow(clippy::should_implement_trait)]
    pub fn not(test: Self) -> Self {
        Self(Test::Not(Box::new(test)))
    }

    fn is_true(&self, text: Option<&str>) -> bool {
        match &self.0 {
            Test::Exact(wanted) => text.is_some_and(|text| text == &**wanted),
            Test::Prefix(wanted) => text.is_some_and(|text| text.starts_with(&**wanted)),
            Test::Suffix(wanted) => text.is_some_and(|text| text.ends_with(&**wanted)),
            Test::All(tests) => tests.iter().all(|test| test.is_true(text)),
            Test::Any(tests) => tests.iter().any(|test| test.is_true(text)),
            Test::Not(test) => !test.is_true(text),
        }
    }
}

impl UnreadablePayload {
    /// The kebab-case code that programs may rely on.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Absent => "no-payload",
            Self::NotJson => "payload-not-json",
            Self::TooLarge => "payload-too-large",
        }
    }
}

impl std::fmt::Display for UnreadablePayload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Absent => f.write_str("the event has no payload"),
            Self::NotJson => f.write_str("the payload is not JSON"),
            Self::TooLarge => {
                write!(f, "the payload is larger than {} bytes", DataConditions::MAX_PAYLOAD)
            }
        }
    }
}

fn not_empty(text: impl Into<Box<str>>) -> Result<Box<str>, Invalid> {
    let text = text.into();
    if text.is_empty() { Err(Invalid::new("", "the value is empty")) } else { Ok(text) }
}

fn group(tests: impl IntoIterator<Item = DataTest>) -> Result<Box<[DataTest]>, Invalid> {
    let tests: Box<[DataTest]> = tests.into_iter().collect();
    if tests.is_empty() { Err(Invalid::new("", "there is no test in the array")) } else { Ok(tests) }
}
