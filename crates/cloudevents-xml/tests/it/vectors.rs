//! The published vectors of the XML format.

#[test]
fn vectors() {
    cloudevents_testkit::vectors::check("xml/**");
}
