//! The default of an option is the one that its documentation names.

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
};

/// An option is compared if its documentation names a number, a time, a size, `none`, `yes` or `no`, and its default is written as one. So
/// many are, at least.
const COMPARED: usize = 110;

/// The units of documentation, in milliseconds and in bytes.
const UNITS: [(&str, u64); 9] = [
    ("millisecond", 1),
    ("second", 1_000),
    ("minute", 60_000),
    ("hour", 3_600_000),
    ("day", 86_400_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("bytes", 1),
];

const WORDS: [(&str, u64); 6] = [("a", 1), ("an", 1), ("one", 1), ("two", 2), ("five", 5), ("ten", 10)];

/// A default, as documentation or code has it. A time is in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Value {
    Is(bool),
    None,
    Number(u64),
}

#[test]
fn the_default_of_an_option_is_the_documented_one() {
    let (mut compared, mut wrong) = (0, Vec::new());
    for folder in fs::read_dir(crates()).unwrap().map(|entry| entry.unwrap().path().join("src")) {
        let mut sources = Vec::new();
        below(&folder, &mut sources);
        let constants: HashMap<&str, &str> = sources.iter().flat_map(|(_, text)| constants(text)).collect();
        for (path, text) in &sources {
            // Other files may have constants of the same name.
            let mut constants = constants.clone();
            constants.extend(self::constants(text));
            for (name, fields) in structs(text) {
                let Some(body) = between(text, &format!("\nimpl Default for {name} {{\n"), "\n}\n") else {
                    continue;
                };
                for (field, documented) in fields {
                    let begin = format!("            {field}: ");
                    let written = body.lines().find_map(|line| line.strip_prefix(&begin)?.strip_suffix(','));
                    let written = written.and_then(|written| evaluated(written, &constants));
                    let (Some(documented), Some(written)) = (of_documentation(&documented), written) else {
                        continue;
                    };
                    compared += 1;
                    if documented != written {
                        let path = path.display();
                        wrong.push(format!("{path}: {name}::{field}: {documented:?}, and it is {written:?}"));
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(compared >= COMPARED, "{compared} were compared");
}

/// The structs of a file that are public, with their fields and the documentation of each, on one line.
fn structs(text: &str) -> Vec<(&str, Vec<(&str, String)>)> {
    let mut found = Vec::new();
    for part in text.split("\npub struct ").skip(1) {
        let Some((name, _)) = part.split_once(" {\n") else { continue };
        let (mut fields, mut documentation) = (Vec::new(), String::new());
        for line in part.lines().skip(1).take_while(|line| *line != "}") {
            match (line.trim().strip_prefix("///"), line.trim().strip_prefix("pub ")) {
                (Some(words), _) => documentation.push_str(words),
                (None, Some(field)) => {
                    let name = field.split(':').next().unwrap();
                    fields.push((name, std::mem::take(&mut documentation)));
                }
                _ => {}
            }
        }
        found.push((name, fields));
    }
    found
}

/// The default that a documentation names, if it is one of these kinds.
fn of_documentation(words: &str) -> Option<Value> {
    let (_, default) = words.split_once("Default: ")?;
    let end = default.find(". ").unwrap_or(default.len());
    let default = default[..end].trim_end_matches('.');
    let mut words = default.split_whitespace();
    let (first, second, rest) = (words.next()?, words.next(), words.next());
    match (first.trim_end_matches(','), second) {
        ("none", None) => return Some(Value::None),
        ("yes", _) => return Some(Value::Is(true)),
        ("no", None) => return Some(Value::Is(false)),
        _ => {}
    }
    let number = first.replace(',', "").parse().ok();
    let number =
        number.or_else(|| WORDS.iter().find(|(word, _)| *word == first).map(|(_, number)| *number))?;
    let Some(second) = second else { return Some(Value::Number(number)) };
    let unit = second.trim_end_matches(',').trim_end_matches('s');
    let (_, factor) = UNITS.iter().find(|(name, _)| name.trim_end_matches('s') == unit)?;
    // Another number may follow, as for bounds of messages and bytes.
    (rest.is_none() || second.ends_with(',')).then_some(Value::Number(number * factor))
}

/// The value of an expression, if it is of a simple kind.
fn evaluated(expression: &str, constants: &HashMap<&str, &str>) -> Option<Value> {
    if let Some(inner) = expression.strip_prefix("Some(").and_then(|rest| rest.strip_suffix(')')) {
        return evaluated(inner, constants);
    }
    for (begin, factor) in [("Duration::from_secs(", 1_000), ("Duration::from_millis(", 1)] {
        if let Some(inner) = expression.strip_prefix(begin).and_then(|rest| rest.strip_suffix(')')) {
            return Some(Value::Number(product(inner)? * factor));
        }
    }
    match expression {
        "None" => Some(Value::None),
        "true" | "false" => Some(Value::Is(expression == "true")),
        _ => match constants.get(expression) {
            Some(constant) => evaluated(constant, &HashMap::new()),
            None => product(expression).map(Value::Number),
        },
    }
}

/// A number, a product, or a number that is shifted.
fn product(text: &str) -> Option<u64> {
    let number = |text: &str| text.trim().replace('_', "").parse::<u64>().ok();
    match text.split_once(" << ") {
        Some((shifted, bits)) => Some(number(shifted)? << number(bits)?),
        None => text.split(" * ").map(number).try_fold(1, |all, one| Some(all * one?)),
    }
}

/// The constants of a file, with their expressions.
fn constants(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.lines().filter_map(|line| {
        let (_, constant) = line.split_once("const ")?;
        let (name, rest) = constant.split_once(": ")?;
        Some((name, rest.split_once(" = ")?.1.strip_suffix(';')?))
    })
}

fn between<'a>(text: &'a str, begin: &str, end: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(begin)?;
    Some(rest.split_once(end)?.0)
}

fn crates() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The sources in a folder, however deep.
fn below(folder: &Path, sources: &mut Vec<(PathBuf, String)>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for path in entries.map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            below(&path, sources);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            sources.push((path, text));
        }
    }
}

#[test]
fn kinds_of_defaults() {
    for (documentation, expression, same) in [
        ("How long; `x` in a URL. Default: 30 seconds.", "Duration::from_secs(30)", true),
        ("How long. Default: 30 seconds.", "Duration::from_secs(300)", false),
        ("How long. Default: one minute. The worker renews it.", "Duration::from_secs(60)", true),
        ("How long. Default: ten minutes.", "Some(Duration::from_millis(10 * 60_000))", true),
        ("The largest. Default: 16 MiB, which it takes.", "16 << 20", true),
        ("The largest. Default: 1 MiB.", "MOST", true),
        ("The largest. Default: 2 MiB.", "MOST", false),
        ("How many. Default: 1,024.", "1024", true),
        ("Whether. Default: yes, as others do.", "true", true),
        ("Whether. Default: no.", "true", false),
        ("The name. Default: none.", "None", true),
        ("The name. Default: none.", "Some(7)", false),
    ] {
        let constants = HashMap::from([("MOST", "1 << 20")]);
        let values = (of_documentation(documentation).unwrap(), evaluated(expression, &constants).unwrap());
        assert_eq!(values.0 == values.1, same, "{documentation}: {values:?}");
    }
    assert_eq!(of_documentation("Bounds. Default: those of the protocol."), None);
}
