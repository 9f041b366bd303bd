//! Numbers as doubles.

use super::{Json, Kind};

/// Gives each number of `got` the text of the wanted one, where one double comes closest to both.
pub(crate) fn spell_doubles_alike(wanted: &Json, got: &mut Json) {
    match (&wanted.kind, &mut got.kind) {
        (Kind::Number(wanted), Kind::Number(got)) if double(wanted) == double(got) => got.clone_from(wanted),
        (Kind::Array(wanted), Kind::Array(got)) => {
            wanted.iter().zip(got).for_each(|(wanted, got)| spell_doubles_alike(wanted, got));
        }
        (Kind::Object(wanted), Kind::Object(got)) => {
            for (name, got) in got {
                if let Some((_, wanted)) = wanted.iter().find(|(other, _)| other == name) {
                    spell_doubles_alike(wanted, got);
                }
            }
        }
        _ => (),
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
