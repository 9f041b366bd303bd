//! The published vectors of the Kafka binding.

#[test]
fn vectors() {
    cloudevents_testkit::vectors::check("kafka/**");
}
