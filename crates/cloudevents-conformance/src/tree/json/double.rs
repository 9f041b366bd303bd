//! Numbers as doubles.

use super::{Json, Kind};

/// Gives each number of `got` the text of the wanted one, where one double comes closest to both.
pub(crate) fn spell_doubles_alike(wanted: &Json, got: &mut Json) {
    spell_alike(wanted, got, |one, other| double(one) == double(other));
}

/// Gives each number of `got` the text of the wanted one, where the two differ only in zeros at the end of the fraction.
pub(crate) fn spell_decimals_alike(wanted: &Json, got: &mut Json) {
    spell_alike(wanted, got, |one, other| decimal(one) == decimal(other));
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

/// A number without the zeros at the end of its fraction.
fn decimal(number: &str) -> &str {
    match number.contains('.') && !number.contains(['e', 'E']) {
        true => number.trim_end_matches('0').trim_end_matches('.'),
        false => number,
    }
}

fn double(number: &str) -> Option<f64> {
    number.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::super::parse;
    use super::*;

    #[test]
    fn zeros_at_the_end_of_a_fraction_say_nothing() {
        for (wanted, got, same) in [
            ("1.50", "1.5", true),
            ("1.0", "1", true),
            ("100", "1", false),
            ("12345678901234567890", "12345678901234567000", false),
            ("1e2", "100", false),
            ("[0.10]", "[0.1]", true),
        ] {
            let mut got = parse(got).unwrap();
            spell_decimals_alike(&parse(wanted).unwrap(), &mut got);
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
