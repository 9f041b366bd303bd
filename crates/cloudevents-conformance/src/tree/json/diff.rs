//! Where two JSON values differ.

use std::collections::BTreeMap;

use crate::compare::{Difference, MOST, Path};

use super::{Json, Kind, Text};

/// Records the differences between `got` and `wanted`: numbers compare by their text, members by their names in any order.
pub(crate) fn diff(path: &Path, wanted: &Json, got: &Json, differences: &mut Vec<Difference>) {
    match (&wanted.kind, &got.kind) {
        (Kind::Object(wanted), Kind::Object(got)) => objects(path, wanted, got, differences),
        (Kind::Array(wanted), Kind::Array(got)) => arrays(path, wanted, got, differences),
        (wanted_kind, got_kind) if wanted_kind == got_kind => (),
        _ => differences.push(path.differs(wanted, got)),
    }
}

fn arrays(path: &Path, wanted: &[Json], got: &[Json], differences: &mut Vec<Difference>) {
    if wanted.len() != got.len() {
        let count = |items: &[Json]| format!("{} items", items.len());
        differences.push(path.differs(count(wanted), count(got)));
    }
    for (index, (wanted, got)) in wanted.iter().zip(got).enumerate() {
        diff(&path.item(index), wanted, got, differences);
    }
}

fn objects(path: &Path, wanted: &[(Text, Json)], got: &[(Text, Json)], differences: &mut Vec<Difference>) {
    let (wanted, got) = (Members::of(wanted), Members::of(got));
    for name in &wanted.order {
        let path = path.member(&name.to_string());
        match (wanted.values(name), got.values(name)) {
            ([wanted], []) => differences.push(path.differs(wanted, "nothing")),
            (wanted, got) if wanted.len() == got.len() => {
                for (wanted, got) in wanted.iter().zip(got) {
                    diff(&path, wanted, got, differences);
                }
            }
            (wanted, got) => differences.push(path.differs(times(wanted.len()), times(got.len()))),
        }
    }
    let more = got.order.iter().filter(|name| wanted.values(name).is_empty()).take(MOST);
    for (name, value) in more.filter_map(|name| got.values(name).first().map(|value| (name, value))) {
        differences.push(path.member(&name.to_string()).differs("nothing", value));
    }
}

/// The members of an object by their names, in the order in which the names first appear.
struct Members<'a> {
    order: Vec<&'a Text>,
    values: BTreeMap<&'a Text, Vec<&'a Json>>,
}

impl<'a> Members<'a> {
    fn of(members: &'a [(Text, Json)]) -> Self {
        let mut all = Members { order: Vec::new(), values: BTreeMap::new() };
        for (name, value) in members {
            let values = all.values.entry(name).or_insert_with(|| {
                all.order.push(name);
                Vec::new()
            });
            values.push(value);
        }
        all
    }

    fn values(&self, name: &Text) -> &[&'a Json] {
        self.values.get(name).map_or(&[], Vec::as_slice)
    }
}

fn times(count: usize) -> String {
    match count {
        1 => "the member once".to_owned(),
        count => format!("the member {count} times"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::parse;
    use super::*;

    fn differences(wanted: &str, got: &str) -> Vec<String> {
        let mut found = Vec::new();
        diff(&Path::new("x"), &parse(wanted).unwrap(), &parse(got).unwrap(), &mut found);
        found.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn order_of_members_and_white_space_are_free() {
        assert_eq!(
            differences(r#"{"a":1,"b":[true,null]}"#, "{ \"b\" : [ true , null ], \"a\" : 1 }"),
            [""; 0]
        );
        assert_eq!(differences(r#""\u0041/""#, r#""A\/""#), [""; 0]);
    }

    #[test]
    fn numbers_differ_by_their_text() {
        assert_eq!(differences("1.0", "1"), ["x: expected 1.0, got 1"]);
        assert_eq!(differences("[1e2]", "[1E2]"), ["x[0]: expected 1e2, got 1E2"]);
    }

    #[test]
    fn every_difference_has_its_place() {
        assert_eq!(
            differences(r#"{"a":{"b":[1,2]},"c":null}"#, r#"{"a":{"b":[1,"2",3]},"d":false}"#),
            [
                "x.a.b: expected 2 items, got 3 items",
                "x.a.b[1]: expected 2, got \"2\"",
                "x.c: missing: null",
                "x.d: unexpected: false"
            ]
        );
    }

    #[test]
    fn members_count_as_often_as_they_are_there() {
        assert_eq!(
            differences(r#"{"a":1}"#, r#"{"a":1,"a":1}"#),
            ["x.a: expected the member once, got the member 2 times"]
        );
        assert_eq!(differences(r#"{"a":1,"a":2}"#, r#"{"a":1,"a":2}"#), [""; 0]);
        assert_eq!(differences(r#"{"a":1,"a":2}"#, r#"{"a":2,"a":1}"#).len(), 2);
    }
}
