//! Converts JSON text to a `serde_json::Value`, and checks that the value has the same meaning.

use cloudevents_core::codec::scan::{Problem, Scanner};
use serde_json::Value;

/// Returns the value of a JSON text, if it has the same meaning: the same members, each once, and numbers equal to the last digit.
///
/// White space, the order of members, escapes and the spelling of numbers (`1.10`, `1e2`) have no meaning. A value cannot hold a
/// duplicate member, a number that is not an `i64`, `u64` or exact `f64`, nesting beyond 127 levels, or a lone surrogate.
pub(crate) fn exact(text: &str) -> Option<Value> {
    let value = serde_json::from_str(text).ok()?;
    same(&mut Scanner::new(text), &value).ok()?.then_some(value)
}

/// Walks the text in parallel with its value, whose depth is limited.
fn same(scanner: &mut Scanner<'_>, value: &Value) -> Result<bool, Problem> {
    scanner.white_space();
    let start = scanner.position();
    match (scanner.peek()?, value) {
        (b'{', Value::Object(members)) => {
            scanner.expect(b'{', "`{`")?;
            let mut count = 0_usize;
            while next(scanner, b'}', count)? {
                scanner.white_space();
                let name = string(scanner)?;
                scanner.expect(b':', "`:`")?;
                match members.get(&name) {
                    Some(member) if same(scanner, member)? => count = count.saturating_add(1),
                    _ => return Ok(false),
                }
            }
            Ok(count == members.len())
        }
        (b'[', Value::Array(elements)) => {
            scanner.expect(b'[', "`[`")?;
            let mut count = 0_usize;
            while next(scanner, b']', count)? {
                match elements.get(count) {
                    Some(element) if same(scanner, element)? => count = count.saturating_add(1),
                    _ => return Ok(false),
                }
            }
            Ok(count == elements.len())
        }
        (b'"', Value::String(text)) => Ok(string(scanner)? == *text),
        (b'-' | b'0'..=b'9', Value::Number(number)) => {
            scanner.number()?;
            let written = scanner.text().get(start..scanner.position()).and_then(decimal);
            let held = number.to_string();
            Ok(written.is_some() && written == decimal(&held))
        }
        (b't' | b'f' | b'n', Value::Bool(_) | Value::Null) => scanner.value(0).map(|_| true),
        _ => Ok(false),
    }
}

/// Moves to the next member or element. Returns `false` after the closing bracket.
fn next(scanner: &mut Scanner<'_>, end: u8, count: usize) -> Result<bool, Problem> {
    scanner.white_space();
    if scanner.peek()? == end {
        scanner.expect(end, "the end")?;
        return Ok(false);
    }
    if count > 0 {
        scanner.expect(b',', "`,`")?;
    }
    Ok(true)
}

fn string(scanner: &mut Scanner<'_>) -> Result<String, Problem> {
    let string = scanner.string()?;
    let mut text = String::new();
    scanner.unescape(string, &mut text)?;
    Ok(text)
}

/// Normalises a JSON number: sign, digits without leading and trailing zeros, and the power of ten of the last digit.
fn decimal(number: &str) -> Option<(bool, String, i64)> {
    let (mantissa, exponent) = number.split_once(['e', 'E']).unwrap_or((number, "0"));
    let (negative, mantissa) = match mantissa.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, mantissa),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all = [whole, fraction].concat();
    let digits = all.trim_start_matches('0').trim_end_matches('0');
    if digits.is_empty() {
        return Some((negative, String::new(), 0));
    }
    let zeros = all.len().checked_sub(all.trim_end_matches('0').len())?;
    let power = exponent
        .parse::<i64>()
        .ok()?
        .checked_sub(i64::try_from(fraction.len()).ok()?)?
        .checked_add(i64::try_from(zeros).ok()?)?;
    Some((negative, digits.into(), power))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_meaning() {
        for text in [
            "null",
            " true ",
            "false",
            "\"a\\u00e9\\/\\n\"",
            "0",
            "-0",
            "-0.0",
            "0e99999999999999999999",
            "1.10",
            "1e2",
            "100E-2",
            "0.1",
            "-12.5e-3",
            "18446744073709551615",
            "-9223372036854775808",
            "5e-324",
            "1e300",
            "[]",
            " [ 1 , [ ] , {} ] ",
            r#"{ "b" : 1 , "a" : [ { } ] , "\u0061b" : null }"#,
            r#"{"":{"":""}}"#,
        ] {
            assert!(exact(text).is_some(), "{text}");
        }
    }

    #[test]
    fn another_meaning() {
        let deep = format!("{}{}", "[".repeat(128), "]".repeat(128));
        for text in [
            "12345678901234567890123",
            "9007199254740993.0",
            "0.1000000000000000055511151231257827",
            "1e400",
            "1e-400",
            "1e-99999999999999999999",
            r#"{"a":1,"a":1}"#,
            r#"{"a":1,"a":2}"#,
            r#"{"a":1,"\u0061":1}"#,
            r#"[[{"x":1,"y":{"z":[1.00000000000000000001]}}]]"#,
            r#""\ud800""#,
            r#"{"$serde_json::private::RawValue":"[1]"}"#,
            &deep,
        ] {
            assert!(exact(text).is_none(), "{text}");
        }
    }

    #[test]
    fn decimals() {
        for (a, b) in [("1", "1.0"), ("100", "1e2"), ("0.001", "1E-3"), ("-10", "-1e+1"), ("0", "0.00e7")] {
            assert_eq!(decimal(a), decimal(b), "{a} {b}");
        }
        for (a, b) in [("1", "-1"), ("1", "10"), ("1.01", "1.1"), ("0", "1"), ("101", "11")] {
            assert_ne!(decimal(a), decimal(b), "{a} {b}");
        }
    }
}
