//! Filters of the Subscriptions API, from a file or the command line.

use crate::{console::Console, failure::Failure, report::Report};
use cloudevents_kit::subscriptions::{
    DataConditions, DataTest, Filter, FilterOptions, Filters, Invalid, Leniency, Parsed,
};

/// Reads an array of filters, or one filter, in JSON. `name` is the file, for errors. Lenient reading takes `cesql` for `sql`.
pub fn read(name: &str, text: &[u8], is_lenient: bool, console: &Console) -> Result<Filters, Failure> {
    let options = FilterOptions::strict().with_data();
    let options = if is_lenient { options.allow(Leniency::CesqlDialect) } else { options };
    let refused = |error: Invalid| Failure::usage(format!("{name}: invalid filters: {error}"));
    // An object is one filter, an array is several.
    let parsed = if text.trim_ascii_start().starts_with(b"{") {
        let one = Filter::parse_with(text, &options).map_err(refused)?;
        Parsed { value: Filters::from(one.value), repairs: one.repairs }
    } else {
        Filters::parse_with(text, &options).map_err(refused)?
    };
    for repair in &parsed.repairs {
        let words = format!("{}: the dialect is named sql", repair.path);
        console.report(&Report::warning(words).kind(repair.kind.code()));
    }
    Ok(parsed.value)
}

/// Returns the filters of an argument: filters in JSON, or `data.PLACE=TEXT`, where `*` is any text at the beginning or at the end.
///
/// `None` if the text has another form. No expression of CESQL begins like one of these.
pub fn argument(text: &str, console: &Console) -> Result<Option<Filters>, Failure> {
    if is_json(text) {
        return read("the filter", text.as_bytes(), false, console).map(Some);
    }
    let Some(condition) = text.strip_prefix("data.") else { return Ok(None) };
    condition_of(condition).map(|filter| Some(filter.into())).map_err(|why| {
        Failure::usage(format!("the filter `{text}`: {why}"))
            .help("`data.order.id=42`, `data.order.id=A-*` and `data.order.id=*-7` compare a place of the payload; \
                   filters in JSON have more tests, as in `{\"data\": {\"order.id\": {\"not\": {\"exact\": \"42\"}}}}`")
    })
}

/// Whether this is the beginning of filters in JSON.
pub fn is_json(text: &str) -> bool {
    text.trim_start().starts_with(['{', '['])
}

fn condition_of(text: &str) -> Result<Filter, String> {
    let (place, value) = text.split_once('=').ok_or("it has no `=`")?;
    let test = match (value.strip_prefix('*'), value.strip_suffix('*')) {
        (None, None) => DataTest::exact(value),
        (Some(end), None) => DataTest::suffix(end),
        (None, Some(start)) => DataTest::prefix(start),
        (Some(_), Some(_)) => return Err("`*` is at both ends".to_owned()),
    };
    if value.trim_matches('*').contains('*') {
        return Err("`*` is in the middle".to_owned());
    }
    if place.contains(char::is_whitespace) {
        return Err("the place has white space".to_owned());
    }
    let test = test.map_err(|error| error.message().to_owned())?;
    let conditions = DataConditions::new([(place, test)]).map_err(|error| error.message().to_owned())?;
    Ok(Filter::Data(conditions))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_of_a_place() {
        for (text, filter) in [
            ("order.id=42", r#"{"data":{"order.id":{"exact":"42"}}}"#),
            ("order.id=A-*", r#"{"data":{"order.id":{"prefix":"A-"}}}"#),
            ("lines.0.sku=*-7", r#"{"data":{"lines.0.sku":{"suffix":"-7"}}}"#),
            ("a=b=c d", r#"{"data":{"a":{"exact":"b=c d"}}}"#),
        ] {
            assert_eq!(condition_of(text).unwrap().to_string(), filter);
        }
        for (text, why) in [
            ("order.id", "it has no `=`"),
            ("order.id=", "the value is empty"),
            ("order.id=*", "`*` is at both ends"),
            ("order.id=*a*", "`*` is at both ends"),
            ("order.id=a*b", "`*` is in the middle"),
            ("order.id = 4", "the place has white space"),
            (".id=4", "a place has names with full stops between them, as in `order.id`"),
        ] {
            assert_eq!(condition_of(text).unwrap_err(), why, "{text}");
        }
    }
}
