//! What the embedded broker does as RabbitMQ does: each behaviour holds on both. The client is our own, so that nothing hides what the
//! broker sends.

mod client;
mod consuming;
mod declaring;
mod dying;
mod publishing;
mod refusing;
mod routing;
mod settling;
mod tuning;

use client::{Place, product};
use cloudevents_testkit::{
    behaviours::check,
    rabbitmq::{Broker, BrokerOptions},
};

#[test]
fn embedded() {
    let mut options = BrokerOptions::default();
    options.users.push(("guest".into(), "guest".into()));
    let broker = Broker::with_options(options).unwrap();
    let place = Place::new(&format!("127.0.0.1:{}", broker.port()));
    assert!(check("the embedded broker", &place, &all()) >= 60);
    // What RabbitMQ has and the embedded broker does not.
    check("the embedded broker", &place, refusing::ALL);
}

#[test]
fn real() {
    let Some(url) = crate::tools::real() else { return };
    let address = url.rsplit('@').next().unwrap().trim_end_matches('/');
    let place = Place::new(address);
    let product = product(&place);
    // Other brokers of AMQP 0.9.1 differ from RabbitMQ in what they refuse.
    if product != "RabbitMQ 3" {
        println!("SKIPPED: behaviours of RabbitMQ 3, because this is {product}");
        return;
    }
    check("RabbitMQ", &place, &all());
}

fn all() -> Vec<client::Behaviour> {
    [declaring::ALL, routing::ALL, publishing::ALL, consuming::ALL, settling::ALL, dying::ALL, tuning::ALL]
        .concat()
}
