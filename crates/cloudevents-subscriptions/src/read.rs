//! Filters from JSON.

use crate::{
    Conditions, DataConditions, DataTest, Filter, FilterOptions, Filters, Group, Invalid, Leniency, Parsed,
    Repair,
};
use cloudevents_json::codec::{kind, token};
use cloudevents_sql::Expression;
use serde_json::{Map, Value};

/// Levels of filters in filters.
const DEPTH: usize = 100;

/// Places of payloads in a document. Each one reads the payload of each event.
const PLACES: usize = 64;

/// Parses a document.
pub(crate) fn parse(text: &[u8]) -> Result<Value, Invalid> {
    cloudevents_json::codec::parse(text).map_err(|error| Invalid::new("", error.detail().to_owned()))
}

pub(crate) fn filters(document: &Value, options: &FilterOptions) -> Result<Parsed<Filters>, Invalid> {
    let Value::Array(items) = document else {
        return Err(Invalid::new("", format!("filters are an array, and this is {}", kind(document))));
    };
    let mut reader = Reader::new(options);
    let mut filters = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        filters.push(reader.at(&format!("/{index}"), |reader| reader.filter(item))?);
    }
    Ok(Parsed { value: Filters::new(filters), repairs: reader.repairs })
}

pub(crate) fn filter(document: &Value, options: &FilterOptions) -> Result<Parsed<Filter>, Invalid> {
    let mut reader = Reader::new(options);
    Ok(Parsed { value: reader.filter(document)?, repairs: reader.repairs })
}

struct Reader<'a> {
    options: &'a FilterOptions,
    repairs: Vec<Repair>,
    path: String,
    depth: usize,
    places: usize,
}

impl<'a> Reader<'a> {
    fn new(options: &'a FilterOptions) -> Self {
        Self { options, repairs: Vec::new(), path: String::new(), depth: 0, places: 0 }
    }

    /// Reads the value at a place below.
    fn at<T>(
        &mut self,
        token: &str,
        read: impl FnOnce(&mut Self) -> Result<T, Invalid>,
    ) -> Result<T, Invalid> {
        let length = self.path.len();
        self.path.push_str(token);
        let result = read(self);
        self.path.truncate(length);
        result
    }

    fn refuse(&self, message: impl Into<std::borrow::Cow<'static, str>>) -> Invalid {
        Invalid::new(&self.path, message)
    }

    fn filter(&mut self, document: &Value) -> Result<Filter, Invalid> {
        let Value::Object(members) = document else {
            return Err(self.refuse(format!("a filter is an object, and this is {}", kind(document))));
        };
        let mut all = members.iter();
        let (Some((dialect, value)), None) = (all.next(), all.next()) else {
            let message =
                format!("a filter has one member, which names its dialect, and this has {}", members.len());
            return Err(self.refuse(message));
        };
        self.deeper(dialect, |reader| reader.dialect(dialect, value))
    }

    /// Reads the value of a member, one level below.
    fn deeper<T>(
        &mut self,
        member: &str,
        read: impl FnOnce(&mut Self) -> Result<T, Invalid>,
    ) -> Result<T, Invalid> {
        if self.depth >= DEPTH {
            return Err(self.refuse(format!("filters are nested deeper than {DEPTH} levels")));
        }
        self.depth = self.depth.saturating_add(1);
        let found = self.at(&token(member), read);
        self.depth = self.depth.saturating_sub(1);
        found
    }

    fn dialect(&mut self, dialect: &str, value: &Value) -> Result<Filter, Invalid> {
        match dialect {
            "exact" => self.conditions(value).map(Filter::Exact),
            "prefix" => self.conditions(value).map(Filter::Prefix),
            "suffix" => self.conditions(value).map(Filter::Suffix),
            "all" => self.group(value).map(Filter::All),
            "any" => self.group(value).map(Filter::Any),
            "not" => self.filter(value).map(Filter::not),
            "sql" => self.sql(value),
            "cesql" if self.options.allows(Leniency::CesqlDialect) => {
                self.repairs.push(Repair { kind: Leniency::CesqlDialect, path: self.path.clone() });
                self.sql(value)
            }
            "data" if self.options.reads_data() => self.data(value),
            _ => {
                let ours = if self.options.reads_data() { ", data" } else { "" };
                let known = format!("exact, prefix, suffix, all, any, not, sql{ours}");
                let message = format!("there is no dialect {dialect:?}: the dialects are {known}");
                Err(self.refuse(message).with_clause("SUBS-3.2.4-c"))
            }
        }
    }

    fn conditions(&self, value: &Value) -> Result<Conditions, Invalid> {
        let Value::Object(members) = value else {
            let message = format!("this is an object of attributes and texts, and here is {}", kind(value));
            return Err(self.refuse(message));
        };
        let pairs = self.texts(members)?;
        Conditions::new(pairs).map_err(|error| error.below(&self.path))
    }

    fn texts<'v>(&self, members: &'v Map<String, Value>) -> Result<Vec<(&'v str, &'v str)>, Invalid> {
        let pair = |(name, value): (&'v String, &'v Value)| match value {
            Value::String(text) => Ok((name.as_str(), text.as_str())),
            _ => {
                let path = format!("{}{}", self.path, token(name));
                let message = format!("attributes compare with a string, and this is {}", kind(value));
                Err(Invalid::new(path, message).with_clause("SUBS-3.2.4.1.1-b"))
            }
        };
        members.iter().map(pair).collect()
    }

    fn group(&mut self, value: &Value) -> Result<Group, Invalid> {
        let Value::Array(items) = value else {
            return Err(self.refuse(format!("this is an array of filters, and here is {}", kind(value))));
        };
        let mut filters = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            filters.push(self.at(&format!("/{index}"), |reader| reader.filter(item))?);
        }
        Group::new(filters).map_err(|error| error.below(&self.path))
    }

    fn data(&mut self, value: &Value) -> Result<Filter, Invalid> {
        let Value::Object(members) = value else {
            return Err(
                self.refuse(format!("this is an object of places and tests, and here is {}", kind(value)))
            );
        };
        self.places = self.places.saturating_add(members.len());
        if self.places > PLACES {
            return Err(self.refuse(format!("filters have {PLACES} places of the payload at most")));
        }
        let mut conditions = Vec::with_capacity(members.len());
        for (place, test) in members {
            conditions.push((place, self.at(&token(place), |reader| reader.test(test))?));
        }
        DataConditions::new(conditions).map(Filter::Data).map_err(|error| error.below(&self.path))
    }

    fn test(&mut self, value: &Value) -> Result<DataTest, Invalid> {
        let known = "exact, prefix, suffix, all, any, not";
        let one =
            value.as_object().filter(|members| members.len() == 1).and_then(|members| members.iter().next());
        let Some((name, value)) = one else {
            return Err(self.refuse(format!("a test is an object with one member of {known}")));
        };
        self.deeper(name, |reader| {
            let made = match name.as_str() {
                "exact" => DataTest::exact(reader.text(value)?),
                "prefix" => DataTest::prefix(reader.text(value)?),
                "suffix" => DataTest::suffix(reader.text(value)?),
                "all" => DataTest::all(reader.tests(value)?),
                "any" => DataTest::any(reader.tests(value)?),
                "not" => Ok(DataTest::not(reader.test(value)?)),
                _ => return Err(reader.refuse(format!("there is no test {name:?}: the tests are {known}"))),
            };
            made.map_err(|error| error.below(&reader.path))
        })
    }

    fn text<'v>(&self, value: &'v Value) -> Result<&'v str, Invalid> {
        let refused = || self.refuse(format!("places compare with a string, and this is {}", kind(value)));
        value.as_str().ok_or_else(refused)
    }

    fn tests(&mut self, value: &Value) -> Result<Vec<DataTest>, Invalid> {
        let Value::Array(items) = value else {
            return Err(self.refuse(format!("this is an array of tests, and here is {}", kind(value))));
        };
        let mut tests = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            tests.push(self.at(&format!("/{index}"), |reader| reader.test(item))?);
        }
        Ok(tests)
    }

    fn sql(&self, value: &Value) -> Result<Filter, Invalid> {
        let Value::String(text) = value else {
            return Err(self
                .refuse(format!("an expression is a string, and this is {}", kind(value)))
                .with_clause("SUBS-3.2.4.1.2-b"));
        };
        Expression::parse_with(text, &self.options.sql)
            .map(Filter::Sql)
            .map_err(|error| self.refuse(error.to_string()).with_clause("SUBS-3.2.4.1.2-e"))
    }
}
