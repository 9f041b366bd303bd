//! Texts that are no expressions, and texts that are meant to do harm.

use cloudevents_sql::{ErrorKind, Expression, Function, Limits, Options, Signature, Type, WarningKind};
use proptest::prelude::*;

proptest! {
    #[test]
    fn no_text_panics(text in "\\PC{0,60}") {
        if let Err(error) = Expression::parse(&text) {
            error.explain();
        }
    }

    #[test]
    fn no_row_of_words_panics(words in prop::collection::vec(prop::sample::select(vec![
        "AND", "NOT", "LIKE", "IN", "EXISTS", "(", ")", ",", "'a'", "\"", "'", "\\", "-", "+", "5", "99999999999", "a", "f", "_", "=", "<", "!", "\n", "é",
        "TRUE", "%", "INT(", "SUBSTRING(", ".",
    ]), 0..14)) {
        for glue in ["", " "] {
            match Expression::parse(&words.join(glue)) {
                Ok(expression) => { expression.evaluate(&super::event()); }
                Err(error) => { error.explain(); }
            }
        }
    }

    #[test]
    fn every_start_of_an_expression_parses_or_says_why(text in super::roundtrip::expression(), at in any::<prop::sample::Index>()) {
        let at = at.index(text.len() + 1);
        if let Some(start) = text.get(..at) && let Err(error) = Expression::parse(start) {
            prop_assert!(error.offset() <= start.len());
            prop_assert!(!error.explain().is_empty());
        }
    }
}

#[test]
fn messages() {
    for (text, message) in [
        ("", "expected an expression, found the end of the expression (at byte 0) [parse]"),
        ("ABC(", "expected an expression, found the end of the expression (at byte 4) [parse]"),
        ("ABC(1", "expected `,` or `)`, found the end of the expression (at byte 5) [parse]"),
        ("(1", "expected `)`, found the end of the expression (at byte 2) [parse]"),
        ("1 2", "expected an operator or the end, found the number `2` (at byte 2) [parse]"),
        ("a b", "expected an operator or the end, found `b` (at byte 2) [parse]"),
        ("a AND AND b", "expected an expression, found the keyword `AND` (at byte 6) [parse]"),
        ("a NOT b", "expected LIKE or IN after NOT, found `b` (at byte 6) [parse]"),
        ("a IN ()", "expected an expression, found `)` (at byte 6) [parse]"),
        ("a IN 5", "expected `(` and the elements of the set, found the number `5` (at byte 5) [parse]"),
        ("EXISTS 'a'", "expected the name of an attribute, found a text (at byte 7) [parse]"),
        ("EXISTS in", "expected the name of an attribute, found the keyword `in` (at byte 7) [parse]"),
        ("a LIKE b", "expected a string literal as the pattern of LIKE, found `b` (at byte 7) [parse]"),
        ("a == b", "expected an expression, found `=` (at byte 3) [parse]"),
        ("my_name = 1", "`my_name` is no name of an attribute (at byte 0) [parse]"),
        ("f5(1)", "`f5` is no name of a function (at byte 0) [parse]"),
        ("2147483648", "the number `2147483648` does not fit in 32 bits (at byte 0) [parse]"),
        ("-2147483649", "the number `-2147483649` does not fit in 32 bits (at byte 0) [parse]"),
        ("'abc", "the text has no closing ' (at byte 0) [parse]"),
        ("a & b", "the character '&' has no meaning here (at byte 2) [parse]"),
        ("+ a", "expected the digits of a number, found `a` (at byte 2) [parse]"),
        ("a\u{a0}= 1", "the character '\\u{a0}' has no meaning here (at byte 1) [parse]"),
    ] {
        assert_eq!(Expression::parse(text).unwrap_err().to_string(), message, "{text}");
    }
}

#[test]
fn the_caret_is_below_the_mistake() {
    let error = Expression::parse("type = 'ä' AND\n\tsubject == 'x'").unwrap_err();
    assert_eq!(
        error.explain(),
        "error: expected an expression, found `=` [parse]\n   |\n 2 | \tsubject == 'x'\n   | \t         ^\n   = help: `is equal` is written with one =\n"
    );
    let long = format!("{} ==", "a = 1 AND ".repeat(100));
    let explained = Expression::parse(&long).unwrap_err().explain();
    let lines: Vec<_> = explained.lines().collect();
    let caret = lines[3].find('^').unwrap();
    assert!(lines[2].len() < 120 && &lines[2][caret..=caret] == "=", "{explained}");
}

#[test]
fn nesting_is_limited() {
    for nested in [
        "(".repeat(50_000),
        "NOT ".repeat(50_000),
        "-".repeat(50_000),
        "f(".repeat(30_000),
        "a IN (".repeat(10_000),
    ] {
        let mut options = Options::default();
        options.limits.length = usize::MAX;
        options.limits.depth = usize::MAX;
        let text = nested.as_str();
        let error = Expression::parse_with(text, &options).unwrap_err();
        assert!(error.message().contains("nested deeper than 250 levels"), "{error}");
    }
    let chain = |terms: usize| vec!["a = 1"; terms].join(" OR ");
    assert!(Expression::parse(&chain(199)).is_ok());
    assert!(Expression::parse(&chain(300)).unwrap_err().message().contains("nested deeper than 200 levels"));
}

/// The stack of a thread of macOS, and less than that of threads elsewhere; in unoptimised builds, frames are several times larger.
#[test]
fn the_deepest_tree_fits_on_the_stack_of_a_thread() {
    let mut options = Options::default();
    options.limits.depth = 250;
    let signature = Signature::new([Type::String], Type::String);
    let same = Function::new("SAME", signature, |arguments| Ok(arguments[0].clone().into_owned()));
    options.functions.define(same).unwrap();
    let deepest = [
        format!("{}urgent", "NOT ".repeat(248)),
        format!("{}1{}", "(".repeat(248), ")".repeat(248)),
        format!("{}hop", "- ".repeat(248)),
        vec!["urgent"; 249].join(" XOR "),
        vec!["hop"; 249].join(" + "),
        format!("{}urgent{}", "urgent XOR (".repeat(120), ")".repeat(120)),
        format!("{}subject{}", "CONCAT(".repeat(240), ")".repeat(240)),
        format!("{}subject{}", "CONCAT_WS(id, ".repeat(240), ")".repeat(240)),
        format!("{}subject{}", "SUBSTRING(".repeat(240), ", 1, hop)".repeat(240)),
        format!("{}subject{}", "SAME(".repeat(240), ")".repeat(240)),
        format!("{}1{}", "1 IN (".repeat(240), ")".repeat(240)),
        format!("{}hop{}", "hop NOT IN (".repeat(240), ")".repeat(240)),
        format!("{}subject{}", "(".repeat(120), " LIKE 'x')".repeat(120)),
        format!("{}hop{}", "NOT -(hop = 1 XOR ".repeat(40), ")".repeat(40)),
    ];
    let deepest = deepest.map(|text| {
        let options = options.clone();
        let check = move || {
            let expression = Expression::parse_with(&text, &options).unwrap();
            let event = super::event();
            expression.evaluate(&event);
            expression.matches(&event);
            assert_eq!(Expression::parse_with(&expression.to_string(), &options).unwrap(), expression);
            assert_eq!(&expression.syntax().clone(), expression.syntax());
            assert!(!format!("{:?}", expression.syntax()).is_empty());
        };
        std::thread::Builder::new().stack_size(512 << 10).spawn(check).unwrap()
    });
    deepest.into_iter().for_each(|thread| thread.join().unwrap());
}

#[test]
fn length_is_limited() {
    let text = format!("'{}'", "x".repeat(64 << 10));
    assert!(Expression::parse(&text).unwrap_err().message().contains("the limit is 65536"));
    assert!(Expression::parse(&text[2..]).is_err());
}

#[test]
fn texts_that_functions_make_are_limited() {
    let mut limits = Limits::default();
    limits.text = 10;
    let options = Options::default().with_limits(limits);
    let evaluate = |text: &str| {
        let expression = Expression::parse_with(text, &options).unwrap();
        let evaluation = expression.evaluate(&super::event()).into_owned();
        (evaluation.value, evaluation.errors.len())
    };
    assert_eq!(evaluate("CONCAT(id, '12345678')"), ("A112345678".into(), 0));
    assert_eq!(evaluate("CONCAT(id, '123456789')"), ("".into(), 1));
    assert_eq!(evaluate("CONCAT_WS(id, '12345', '6789')"), ("".into(), 1));
}

#[test]
fn patterns_take_no_exponential_time() {
    let pattern = format!("'{}b'", "%a".repeat(500));
    let expression = Expression::parse(&format!("text LIKE {pattern}")).unwrap();
    assert!(!expression.matches(&with_text("a".repeat(20_000))));
}

fn with_text(text: String) -> cloudevents_core::Event {
    super::event().into_builder().extension("text", text.as_str()).build().unwrap()
}

#[test]
fn the_steps_of_patterns_are_limited() {
    let pattern = |length: usize| format!("'%{}b%'", "a_".repeat(length / 2));
    let evaluate = |expression: &str, text: usize| {
        let expression = Expression::parse(expression).unwrap();
        let event = with_text("a".repeat(text));
        let evaluation = expression.evaluate(&event);
        let errors: Vec<_> = evaluation.errors.iter().map(|error| error.kind()).collect();
        assert_eq!(expression.matches(&event), evaluation.passes());
        (evaluation.value.into_owned(), errors)
    };
    assert_eq!(evaluate(&format!("text NOT LIKE {}", pattern(100)), 30_000), (true.into(), vec![]));
    assert_eq!(
        evaluate(&format!("text NOT LIKE {}", pattern(30_000)), 30_000),
        (false.into(), vec![ErrorKind::Generic])
    );
    // The limit is for all patterns of an expression.
    let many = vec![format!("text LIKE {}", pattern(200)); 100].join(" OR ");
    assert_eq!(evaluate(&many, 30_000), (false.into(), vec![ErrorKind::Generic]));
    // Without `_`, a search is one pass.
    let plain = format!("text NOT LIKE '%{}b%'", "a".repeat(30_000));
    assert_eq!(evaluate(&plain, 30_000), (true.into(), vec![]));
}

/// 4,000 functions that read 60,000 bytes each.
#[test]
fn the_text_that_functions_read_is_limited() {
    let event = with_text("a".repeat(60_000));
    for (call, count) in [
        ("UPPER(text)", 4000),
        ("RIGHT(text, 1)", 4000),
        ("SUBSTRING(text, 9)", 3000),
        ("CONCAT_WS(text, '', '', '', '', '')", 1500),
    ] {
        let few = Expression::parse(&format!("id IN ({})", vec![call; 50].join(","))).unwrap();
        assert_eq!(few.evaluate(&event).errors, [], "{call}");
        let many = Expression::parse(&format!("id IN ({})", vec![call; count].join(","))).unwrap();
        let errors = many.evaluate(&event).errors;
        assert_eq!(
            errors.iter().map(|error| error.kind()).collect::<Vec<_>>(),
            [ErrorKind::Generic],
            "{call}"
        );
        assert!(!many.matches(&event));
    }
}

/// Which would be evaluated while parsing otherwise, in a thread of a server that has other work to do.
#[test]
fn long_constants_are_not_matched_while_parsing() {
    let constant = |text: &str| {
        let expression = Expression::parse(text).unwrap();
        expression.warnings().iter().any(|warning| warning.kind() == WarningKind::Constant)
    };
    assert!(constant("'abc' LIKE '%b%'"));
    let (text, pattern) = ("a".repeat(30_000), "a_".repeat(15_000));
    assert!(!constant(&format!("'{text}' LIKE '%{pattern}b%'")));
}

#[test]
fn errors_of_constants_are_not_copied_by_every_level() {
    let errors = vec!["-'a'"; 5000].join(",");
    let text = format!("{}{errors}{}", "CONCAT(".repeat(190), ")".repeat(190));
    let heap = cloudevents_testkit::heap::of(|| Expression::parse(&text).unwrap());
    assert!(heap.calls > 0 && heap.calls < 200_000, "{heap:?}");
    let expression = Expression::parse(&text).unwrap();
    assert_eq!(expression.evaluate(&super::event()).errors.len(), 5000);
    assert!(expression.warnings().iter().any(|warning| warning.kind() == WarningKind::NeverSucceeds));
}
