//! The published vectors of the RabbitMQ binding.

#[test]
fn vectors() {
    cloudevents_testkit::vectors::check("rabbitmq/**");
}
