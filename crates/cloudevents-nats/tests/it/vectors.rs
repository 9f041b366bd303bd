//! The published vectors of the NATS binding.

#[test]
fn vectors() {
    cloudevents_testkit::vectors::check("nats/**");
}
