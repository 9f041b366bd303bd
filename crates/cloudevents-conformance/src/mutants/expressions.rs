//! Faults of expressions and filters, and of single values.

use serde_json::{Value, json};

use super::Mutant;
use super::MutantProfile::Base;
use super::edit::is_op;

pub(super) const MUTANTS: &[Mutant] = &[
    Mutant::of_answer("filters-let-everything-through", &["subscriptions"], Base, |request, answer| {
        matches(request, answer, true);
    }),
    Mutant::of_answer("filters-let-nothing-through", &["subscriptions"], Base, |request, answer| {
        matches(request, answer, false);
    }),
    Mutant::of_answer("booleans-of-expressions-are-text", &["cesql"], Base, |request, answer| {
        value_as_text(request, answer, "Boolean");
    }),
    Mutant::of_answer("integers-of-expressions-are-text", &["cesql"], Base, |request, answer| {
        value_as_text(request, answer, "Integer");
    }),
    Mutant::of_answer("text-of-expressions-in-quotes", &["cesql"], Base, |request, answer| {
        if is_op(request, "sql")
            && let Some(text) = answer["result"]["value"]["value"].as_str().map(|text| format!("'{text}'"))
        {
            answer["result"]["value"]["value"] = json!(text);
        }
    }),
    Mutant::of_answer("errors-of-expressions-not-reported", &["cesql"], Base, |request, answer| {
        if is_op(request, "sql")
            && let Some(result) = answer.get_mut("result").and_then(Value::as_object_mut)
        {
            result.remove("error");
        }
    }),
    Mutant::of_answer("expressions-that-do-not-parse-are-false", &["cesql"], Base, |request, answer| {
        if is_op(request, "sql") && answer.get("error").is_some() {
            *answer = json!({"seq": answer["seq"], "result": {"value": {"type": "Boolean", "value": false}}});
        }
    }),
    Mutant::of_request("not-reaches-past-like", &["cesql"], Base, |request| {
        reaches(request, "NOT ", " LIKE ");
    }),
    Mutant::of_request("not-reaches-past-in", &["cesql"], Base, |request| reaches(request, "NOT ", " IN ")),
    Mutant::of_request("not-reaches-past-equals", &["cesql"], Base, |request| {
        reaches(request, "NOT ", " = ");
    }),
    Mutant::of_request("not-reaches-past-and", &["cesql"], Base, |request| reaches(request, "NOT ", " AND ")),
    Mutant::of_request("minus-reaches-past-like", &["cesql"], Base, |request| {
        reaches(request, "-", " LIKE ");
    }),
    Mutant::of_request("minus-reaches-past-in", &["cesql"], Base, |request| reaches(request, "-", " IN ")),
    Mutant::of_request("minus-reaches-past-plus", &["cesql"], Base, |request| reaches(request, "-", " + ")),
    Mutant::of_request("plus-before-like", &["cesql"], Base, |request| first(request, " LIKE ", " + ")),
    Mutant::of_request("equals-before-plus", &["cesql"], Base, |request| first(request, " + ", " = ")),
    Mutant::of_request("comparisons-from-right-to-left", &["cesql"], Base, |request| {
        reaches(request, "3 > ", " > ");
    }),
    Mutant::of_answer("canonical-text-in-quotes", &["core"], Base, |request, answer| {
        if is_op(request, "parse")
            && let Some(text) = answer["result"]["canonical"].as_str().map(|text| format!("\"{text}\""))
        {
            answer["result"]["canonical"] = json!(text);
        }
    }),
    // To write one may be refused.
    Mutant::of_answer(
        "empty-batches-written-as-objects",
        &["json", "http", "protobuf"],
        Base,
        |request, answer| {
            let nothing = request["events"].as_array().is_some_and(Vec::is_empty);
            if is_op(request, "encode") && nothing && answer["result"].is_object() {
                answer["result"]["message"]["body"] = json!({"text": "{}"});
            }
        },
    ),
];

fn matches(request: &Value, answer: &mut Value, all: bool) {
    if is_op(request, "filter")
        && let Some(matched) = answer.get_mut("result").and_then(|result| result.get_mut("match"))
    {
        *matched = json!(all);
    }
}

/// An expression whose beginning takes all text behind it as its operand, past this operator.
fn reaches(request: &mut Value, beginning: &str, past: &str) {
    regroup(request, |text| {
        let operand = text.strip_prefix(beginning).filter(|operand| operand.contains(past))?;
        Some(format!("{beginning}({operand})"))
    });
}

/// An expression in which the operand before the last operator is evaluated first, if it has this operator.
fn first(request: &mut Value, last: &str, operator: &str) {
    regroup(request, |text| {
        let (operand, rest) = text.rsplit_once(last).filter(|(operand, _)| operand.contains(operator))?;
        Some(format!("({operand}){last}{rest}"))
    });
}

/// The request of an expression with other parentheses, which stand for another tree.
fn regroup(request: &mut Value, change: impl Fn(&str) -> Option<String>) {
    if is_op(request, "sql")
        && let Some(text) = request["expression"].as_str().and_then(change)
    {
        request["expression"] = json!(text);
    }
}

/// As a language without types shows the value.
fn value_as_text(request: &Value, answer: &mut Value, of: &str) {
    let value = &answer["result"]["value"];
    if is_op(request, "sql") && value["type"] == of {
        answer["result"]["value"] = json!({"type": "String", "value": value["value"].to_string()});
    }
}
