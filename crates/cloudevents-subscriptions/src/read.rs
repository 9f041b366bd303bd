//! Filters from JSON.

use crate::{Conditions, Filter, FilterOptions, Filters, Group, Invalid, Leniency, Parsed, Repair};
use cloudevents_json::codec::{kind, token};
use cloudevents_sql::Expression;
use serde_json::{Map, Value};

/// Levels of filters in filters.
const DEPTH: usize = 100;

/// Parses a document.
pub(crate) fn parse(text: &[u8]) -> Result<Value, Invalid> {
    cloudevents_json::codec::parse(text).map_err(|error| Invalid::new("", error.detail().to_owned()))
}

pub(crate) fn filters(document: &Value, options: &FilterOptions) -> Result<Parsed<Filters>, Invalid> {
    let Value::Array(items) = document else {
        return Err(Invalid::new("", format!("filters are an array, and this is {}", kind(document))));
    };
    let mut reader = Reader { options, repairs: Vec::new(), path: String::new(), depth: 0 };
    let mut filters = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        filters.push(reader.at(&format!("/{index}"), |reader| reader.filter(item))?);
    }
    Ok(Parsed { value: Filters::new(filters), repairs: reader.repairs })
}

pub(crate) fn filter(document: &Value, options: &FilterOptions) -> Result<Parsed<Filter>, Invalid> {
    let mut reader = Reader { options, repairs: Vec::new(), path: String::new(), depth: 0 };
    Ok(Parsed { value: reader.filter(document)?, repairs: reader.repairs })
}

struct Reader<'a> {
    options: &'a FilterOptions,
    repairs: Vec<Repair>,
    path: String,
    depth: usize,
}

impl Reader<'_> {
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
        if self.depth >= DEPTH {
            return Err(self.refuse(format!("filters are nested deeper than {DEPTH} levels")));
        }
        self.depth = self.depth.saturating_add(1);
        let filter = self.at(&token(dialect), |reader| reader.dialect(dialect, value));
        self.depth = self.depth.saturating_sub(1);
        filter
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
            _ => {
                let known = "exact, prefix, suffix, all, any, not, sql";
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
