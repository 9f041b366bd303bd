//! The published vectors of the AMQP binding.

#[test]
fn vectors() {
    cloudevents_testkit::vectors::check("amqp/**");
}
