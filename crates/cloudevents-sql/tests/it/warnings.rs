//! Static checks.

use cloudevents_sql::{Expression, WarningKind};

#[test]
fn each_kind() {
    use WarningKind::{
        Constant, ImpossibleName, LongName, MixedLogic, NeverEqual, NeverSucceeds, NotBindsTighter,
        NotBoolean, UnknownFunction,
    };
    for (text, expected) in [
        ("subject = 'x' AND priority > 2", &[][..]),
        ("TRUE", &[]),
        ("1 = 1", &[Constant]),
        ("FALSE AND subject = 'x'", &[Constant]),
        ("EXISTS data", &[ImpossibleName]),
        ("EXISTS opcuametadatamajorversion", &[LongName]),
        ("a AND b OR c", &[MixedLogic]),
        ("(a AND b) OR c", &[]),
        ("a AND (b OR c)", &[]),
        ("a AND b AND c", &[]),
        ("time > '2026-01-01'", &[NeverSucceeds, NeverSucceeds]),
        ("time = 5", &[NeverSucceeds]),
        ("priority + 'x' = 1", &[NeverSucceeds]),
        ("priority / 0 = 1", &[NeverSucceeds]),
        ("priority AND 'yes'", &[NeverSucceeds]),
        ("'abc' = 5", &[NeverSucceeds]),
        ("INT('abc') = 5", &[NeverSucceeds]),
        ("INT(time) = 5", &[NeverSucceeds]),
        ("LEFT('abc', -1) = subject", &[NeverSucceeds]),
        ("priority IN (1, 'x')", &[]),
        ("(priority + 1) IN (1, 'x')", &[NeverSucceeds]),
        ("EXISTS subject = 'TRUE'", &[NeverEqual]),
        ("LENGTH(subject) = '05'", &[NeverEqual]),
        ("NOT subject = 'x'", &[NotBindsTighter, NeverEqual]),
        ("NOT subject LIKE 'x'", &[NotBindsTighter]),
        ("NOT (subject LIKE 'x')", &[]),
        ("(NOT urgent) = TRUE", &[]),
        ("LENGTH(subject)", &[NotBoolean]),
        ("subject", &[NotBoolean]),
        ("urgent", &[]),
        ("LENGHT(subject) = 3", &[UnknownFunction]),
        ("LENGTH(subject, 1) = 3", &[UnknownFunction]),
    ] {
        let expression = Expression::parse(text).unwrap();
        let kinds: Vec<_> = expression.warnings().iter().map(|warning| warning.kind()).collect();
        assert_eq!(kinds, expected, "{text}: {:?}", expression.warnings());
    }
}

#[test]
fn a_call_that_nearly_has_a_name_says_which() {
    let message = |text: &str| Expression::parse(text).unwrap().warnings()[0].message().to_owned();
    assert_eq!(
        message("CONCATWS(',', id) = 'x'"),
        "there is no function CONCATWS of 2 arguments: is it CONCAT?"
    );
    assert_eq!(message("SUBSTRING(id) = 'x'"), "SUBSTRING takes 2 or 3 arguments, not 1");
    assert_eq!(message("CONCAT_WS() = 'x'"), "CONCAT_WS takes 1 or more arguments, not 0");
}
