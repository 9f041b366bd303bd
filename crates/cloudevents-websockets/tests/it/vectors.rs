//! The published vectors of the WebSockets binding.

#[test]
fn vectors() {
    cloudevents_testkit::vectors::check("websockets/**");
}
