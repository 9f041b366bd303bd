//! The published vectors of the CBOR format.

#[test]
fn vectors() {
    cloudevents_testkit::vectors::check("cbor/**");
}
