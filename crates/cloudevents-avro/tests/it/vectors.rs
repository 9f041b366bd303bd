//! The published vectors of the Avro formats.

#[test]
fn vectors() {
    cloudevents_testkit::vectors::check("avro/**");
    cloudevents_testkit::vectors::check("avro-compact/**");
}
