//! The published vectors of the model.

#[test]
fn vectors() {
    cloudevents_testkit::vectors::check("core/**");
}
