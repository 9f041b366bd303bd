//! What is printed parses back to the same tree, and filters agree with evaluations.

use cloudevents_sql::Expression;
use proptest::prelude::*;
use proptest::sample::select;

/// Texts of expressions, with parentheses, white space and letter case as people would write them.
pub(crate) fn expression() -> impl Strategy<Value = String> {
    template().prop_map(|template| filled(&template, ["7", "true", "'x'"]))
}

/// Some values are left open: see [`filled`].
fn template() -> impl Strategy<Value = String> {
    let name = select(vec![
        "id",
        "subject",
        "TYPE",
        "priority",
        "urgent",
        "hop",
        "time",
        "raw",
        "missing",
        "5g",
        "specversion",
    ]);
    let text = prop_oneof![
        select(vec![
            "x",
            "5",
            "true",
            "A1",
            "com.example.%",
            "%a_",
            "",
            "it's",
            "a\\b",
            "a\\%b",
            "\"",
            "\\\"",
            "\u{e9}"
        ])
        .prop_map(str::to_owned),
        "[a-z%_\\\\' \"]{0,6}",
    ];
    let literal = text.prop_filter_map("a text no literal holds", |text| {
        let quoted = format!("'{}'", text.replace('\'', "\\'"));
        (Expression::parse(&quoted).ok().as_ref().map(ToString::to_string).is_some()).then_some(quoted)
    });
    let literal = literal.boxed();
    let atom = prop_oneof![
        name.prop_map(str::to_owned),
        literal.clone(),
        select(vec!["«0»", "«1»", "«2»", "FALSE", "0", "-1", "+2", "2147483647", "-2147483648"])
            .prop_map(str::to_owned),
        select(vec!["EXISTS subject", "exists missing"]).prop_map(str::to_owned),
    ];
    atom.prop_recursive(5, 40, 4, move |inner| {
        let operator = select(vec![
            " AND ", " or ", " XOR ", "=", " != ", "<>", " < ", "<=", ">", ">=", " + ", "-", "*", " / ",
            " %\t",
        ]);
        let function = select(vec![
            "CONCAT",
            "length",
            "LEFT",
            "SUBSTRING",
            "ABS",
            "INT",
            "BOOL",
            "STRING",
            "nosuch",
            "CONCAT_WS",
        ]);
        prop_oneof![
            (inner.clone(), operator, inner.clone())
                .prop_map(|(left, operator, right)| format!("{left}{operator}{right}")),
            inner.clone().prop_map(|inner| format!("( {inner})")),
            inner.clone().prop_map(|inner| format!("NOT {inner}")),
            inner.clone().prop_map(|inner| format!("-{inner}")),
            (inner.clone(), literal.clone(), any::<bool>()).prop_map(|(inner, pattern, not)| format!(
                "{inner}{} LIKE {pattern}",
                if not { " NOT" } else { "" }
            )),
            (inner.clone(), prop::collection::vec(inner.clone(), 1..4), any::<bool>()).prop_map(
                |(inner, set, not)| format!(
                    "{inner}{} IN ({})",
                    if not { "\nNOT" } else { "" },
                    set.join(",")
                )
            ),
            (function, prop::collection::vec(inner, 0..4))
                .prop_map(|(function, arguments)| format!("{function}({})", arguments.join(" , "))),
        ]
    })
}

fn filled(template: &str, values: [&str; 3]) -> String {
    template.replace("«0»", values[0]).replace("«1»", values[1]).replace("«2»", values[2])
}

proptest! {
    #[test]
    fn printing_and_parsing(text in expression()) {
        let expression = Expression::parse(&text).unwrap();
        let printed = expression.to_string();
        let again = Expression::parse(&printed).map_err(|error| TestCaseError::fail(format!("{printed}: {error}")))?;
        prop_assert_eq!(&again, &expression, "{}", printed);
        prop_assert_eq!(again.to_string(), printed);
    }

    #[test]
    fn a_filter_passes_what_evaluates_to_true_without_error(text in expression(), event in cloudevents_testkit::any::event()) {
        let expression = Expression::parse(&text).unwrap();
        for event in [&event, &super::event()] {
            let evaluation = expression.evaluate(event);
            prop_assert_eq!(expression.matches(event), evaluation.passes(), "{}: {:?}", text, evaluation);
        }
    }

    #[test]
    fn what_was_folded_comes_to_the_same(template in template()) {
        // Attributes in place of literals keep the compiler from folding: the event has them with the same values.
        let event = super::event().into_builder().extension("seven", 7).extension("yes", true).extension("text", "x").build().unwrap();
        let kinds = |values| {
            let expression = Expression::parse(&filled(&template, values)).unwrap();
            let evaluation = expression.evaluate(&event).into_owned();
            (evaluation.value, evaluation.errors.into_iter().map(|error| error.kind()).collect::<Vec<_>>())
        };
        prop_assert_eq!(kinds(["7", "true", "'x'"]), kinds(["(seven)", "(yes)", "(text)"]));
    }
}

#[test]
fn the_usual_spelling() {
    for (text, printed) in [
        ("((a))", "a"),
        ("a=1 and(b=2)", "a = 1 AND b = 2"),
        ("a and (b or c)", "a AND (b OR c)"),
        ("(a and b) or c", "a AND b OR c"),
        ("not(a like'x%')", "NOT (a LIKE 'x%')"),
        ("not a like 'x'", "NOT a LIKE 'x'"),
        ("-(5)", "-(5)"),
        ("- 5", "-(5)"),
        ("-5", "-5"),
        ("--5", "--5"),
        ("4-1", "4 - 1"),
        ("a<>b", "a != b"),
        ("a - (b - c)", "a - (b - c)"),
        ("(a - b) - c", "a - b - c"),
        ("a not in(1 , 2)", "a NOT IN (1, 2)"),
        ("(a in (1)) like 'true'", "(a IN (1)) LIKE 'true'"),
        ("\"it's\"", "'it\\'s'"),
        ("\"a\\'b\"", "\"a\\'b\""),
        ("'a\\\\'", "'a\\\\'"),
        ("concat_ws ( ',' )", "CONCAT_WS(',')"),
    ] {
        assert_eq!(Expression::parse(text).unwrap().to_string(), printed, "{text}");
    }
}
