//! The published vectors of the webhook handshake.

#[test]
fn vectors() {
    cloudevents_testkit::vectors::check("webhook/**");
}
