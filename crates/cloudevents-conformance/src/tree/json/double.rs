//! Numbers as doubles.

use super::{Json, Kind};

/// Gives each number of `got` the text of the wanted number, if one double comes closest to both.
pub(crate) fn spell_doubles_alike(wanted: &Json, got: &mut Json) {
    spell_alike(wanted, got, |one, other| double(one) == double(other));
}

/// Gives each number of `got` the text of the wanted number, if the two are equal.
///
/// They are equal if they are the same number to the last digit, such as `1`, `1.0` and `1e0`. They are also equal if the wanted number is
/// a fraction and one double comes closest to both, such as `1.10` and `1.1000000000000001`.
pub(crate) fn spell_numbers_alike(wanted: &Json, got: &mut Json) {
    spell_alike(wanted, got, |one, other| match decimal(one) {
        Some(decimals) => {
            Some(&decimals) == decimal(other).as_ref()
                || is_fraction(&decimals) && double(one) == double(other)
        }
        None => false,
    });
}

fn spell_alike(wanted: &Json, got: &mut Json, same: fn(&str, &str) -> bool) {
    match (&wanted.kind, &mut got.kind) {
        (Kind::Number(wanted), Kind::Number(got)) if same(wanted, got) => got.clone_from(wanted),
        (Kind::Array(wanted), Kind::Array(got)) => {
            wanted.iter().zip(got).for_each(|(wanted, got)| spell_alike(wanted, got, same));
        }
        (Kind::Object(wanted), Kind::Object(got)) => {
            for (name, got) in got {
                if let Some((_, wanted)) = wanted.iter().find(|(other, _)| other == name) {
                    spell_alike(wanted, got, same);
                }
            }
        }
        _ => (),
    }
}

/// A number as its sign, its digits without zeros around them, and the power of ten that they count; `None` beyond every exponent.
fn decimal(number: &str) -> Option<(bool, String, i64)> {
    let unsigned = number.trim_start_matches('-');
    let (significand, exponent) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
    let (whole, fraction) = significand.split_once('.').unwrap_or((significand, ""));
    let all = format!("{whole}{fraction}");
    let digits = all.trim_end_matches('0');
    if digits.is_empty() {
        return Some((false, String::new(), 0));
    }
    let shift = i64::try_from(all.len() - digits.len()).ok()? - i64::try_from(fraction.len()).ok()?;
    let exponent = exponent.parse::<i64>().ok()?.checked_add(shift)?;
    Some((number.starts_with('-'), digits.trim_start_matches('0').to_owned(), exponent))
}

/// Whether the power of ten that the digits count is a power behind the point.
fn is_fraction((_, _, exponent): &(bool, String, i64)) -> bool {
    *exponent < 0
}

fn double(number: &str) -> Option<f64> {
    number.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::super::parse;
    use super::*;

    #[test]
    fn one_number_may_be_written_in_many_ways() {
        for (wanted, got, same) in [
            ("1.50", "1.5", true),
            ("1.0", "1", true),
            ("100", "1", false),
            ("12345678901234567890", "12345678901234567000", false),
            ("1e2", "100", true),
            ("1E+2", "100.0", true),
            ("0.015", "1.5e-2", true),
            ("-0", "0.0", true),
            ("-1", "1", false),
            ("9007199254740993", "9007199254740992.0", false),
            ("0.1", "0.1000000000000000055", true),
            ("1.10", "1.1000000000000001", true),
            ("1.10", "1.100000000000001", false),
            ("1", "1.0000000000000000001", false),
            ("1e99999999999999999999", "2e99999999999999999999", false),
            ("[0.10]", "[0.1]", true),
        ] {
            let mut got = parse(got).unwrap();
            spell_numbers_alike(&parse(wanted).unwrap(), &mut got);
            assert_eq!(got.to_string() == wanted, same, "{wanted} {got}");
        }
    }

    #[test]
    fn numbers_of_one_double_get_one_text() {
        for (wanted, got, spelled) in [
            ("12345678901234567890123", "1.2345678901234568e+22", "12345678901234567890123"),
            ("1.10", "1.1", "1.10"),
            ("1", "1.5", "1.5"),
            (
                r#"{"a":[1.0,{"b":2e0}],"c":3}"#,
                r#"{"c":3.5,"a":[1,{"b":2}],"d":3.0}"#,
                r#"{"c":3.5,"a":[1.0,{"b":2e0}],"d":3.0}"#,
            ),
            ("1.0", r#""1""#, r#""1""#),
        ] {
            let mut got = parse(got).unwrap();
            spell_doubles_alike(&parse(wanted).unwrap(), &mut got);
            assert_eq!(got.to_string(), spelled);
        }
    }
}
