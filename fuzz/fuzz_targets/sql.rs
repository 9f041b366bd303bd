//! Any text as an expression of CESQL: no panic; what parses prints as what parses to the same, and filters agree with evaluations.
#![no_main]

use cloudevents_core::Event;
use cloudevents_sql::Expression;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let expression = match Expression::parse(text) {
        Ok(expression) => expression,
        Err(error) => {
            assert!(error.offset() <= text.len());
            let _ = error.explain();
            return;
        }
    };
    let printed = expression.to_string();
    let again = Expression::parse(&printed).expect("what is printed parses");
    assert_eq!(again, expression);
    assert_eq!(again.to_string(), printed);
    let event = Event::builder()
        .id("A1")
        .source("/s")
        .ty("com.example.t")
        .extension("a", 3)
        .extension("b", true)
        .extension("c", "5")
        .build()
        .expect("an event");
    let evaluation = expression.evaluate(&event);
    assert_eq!(expression.matches(&event), evaluation.passes());
});
