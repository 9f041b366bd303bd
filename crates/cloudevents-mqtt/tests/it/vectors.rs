//! The published vectors of the MQTT binding.

#[test]
fn vectors() {
    cloudevents_testkit::vectors::check("mqtt/**");
}
