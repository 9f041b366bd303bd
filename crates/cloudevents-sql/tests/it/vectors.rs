//! The published vectors of CESQL.

#[test]
fn vectors() {
    cloudevents_testkit::vectors::check("cesql/**");
}
