//! The published vectors of the HTTP binding.

#[test]
fn vectors() {
    cloudevents_testkit::vectors::check("http/**");
}
