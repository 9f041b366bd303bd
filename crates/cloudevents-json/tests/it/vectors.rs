//! The published vectors of the JSON format.

#[test]
fn vectors() {
    cloudevents_testkit::vectors::check("json/**");
}
