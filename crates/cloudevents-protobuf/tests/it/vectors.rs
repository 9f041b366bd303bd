//! The published vectors of the Protobuf format.

#[test]
fn vectors() {
    cloudevents_testkit::vectors::check("protobuf/**");
}
