//! `mqtt` and `mqtts` URLs: MQTT 5 and 3.1.1.

use super::{Opened, Sending, check_options, failed};
use crate::{failure::Failure, report::Report};
use cloudevents_kit::{
    self as kit, Sender,
    mqtt::rumqttc_next034::{self, MqttReceiverOptions, MqttSenderOptions},
    transport::{Bounds, Endpoint, ReceiverOptions},
};

pub(super) async fn sender(endpoint: &Endpoint, sending: &Sending) -> Result<Sender, Failure> {
    check_options(endpoint)?;
    check_tls(endpoint)?;
    let mut options = MqttSenderOptions::default();
    options.sender.enqueue_timeout = sending.timeout;
    options.sender.losses = sending.losses;
    options.sender.peer = sending.peer;
    options.sender.decoding = kit::decoding();
    options.timeout = sending.timeout;
    options.connection.connect_timeout = sending.timeout;
    options.in_flight = Bounds { messages: sending.parallel, ..options.in_flight };
    rumqttc_next034::sender(endpoint.clone(), options).await.map_err(failed)
}

/// Opens a receiver. Without a client identifier, its session ends with it.
pub(super) async fn receiver(endpoint: &Endpoint, options: ReceiverOptions) -> Result<Opened, Failure> {
    check_tls(endpoint)?;
    let mut options = MqttReceiverOptions::from(options);
    let mut notes = Vec::new();
    if endpoint.option("dead-letter").is_none() && endpoint.option("reject").is_none() {
        options.log = std::mem::take(&mut options.log).dropping_rejected();
        let words = "messages that are not events are reported and dropped, as with `reject=drop` in the URL";
        let note = Report::note(words).kind("reject-drop");
        notes.push(note.help("`dead-letter=TOPIC` in the URL keeps them in a topic"));
    }
    let receiver = rumqttc_next034::receiver(endpoint.clone(), options).await.map_err(failed)?;
    Ok(Opened { receiver, url: super::shown(endpoint.expose_url()), notes })
}

fn check_tls(endpoint: &Endpoint) -> Result<(), Failure> {
    if endpoint.scheme() == "mqtts" && !cfg!(feature = "tls") {
        return Err(Failure::usage("this build of ce has no TLS").help("build it with the feature `tls`"));
    }
    Ok(())
}
