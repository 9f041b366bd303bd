//! What a message is, and how large.

use bytes::Bytes;
use cloudevents_core::{
    Document, Event, FormatId, Loss, LossClass, Losses, Message,
    codec::{self, Detected, detect},
};

/// HTTP binding, section 3.2.1: the prefix of the content type decides.
#[test]
fn batches_of_formats_without_a_suffix() {
    for text in
        ["application/cloudevents-batch", "application/cloudevents-batch2", "Application/CloudEvents-Batch"]
    {
        assert!(matches!(detect(Some(text)), Ok(Detected::Batched(_))), "{text}");
    }
    for text in ["application/cloudevents", "application/cloudevents-bat"] {
        assert!(matches!(detect(Some(text)), Ok(Detected::Structured(_))), "{text}");
    }
}

#[test]
fn the_length_of_a_body() {
    let event = Event::builder().id("1").source("/s").ty("t");
    assert_eq!(Message::from(event.clone().build().unwrap()).body_len(), 0);
    assert_eq!(Message::from(event.text("four").build().unwrap()).body_len(), 4);
    let document = Document::new(FormatId::JSON, Bytes::from_static(b"[{}]"));
    assert_eq!(Message::Structured(document.clone()).body_len(), 4);
    assert_eq!(Message::Batched(document).body_len(), 4);
}

/// As canonical strings; a Boolean or an Integer counts as the longest Integer, `-2147483648`.
#[test]
fn the_length_of_attributes() {
    let event = Event::builder().id("1").source("/s").ty("t");
    let least = "id1source/stypet".len();
    assert_eq!(codec::attributes_size(&event.clone().build().unwrap()), least);
    let event =
        event.extension("n", 1).extension("b", true).extension("s", "abc").extension("bytes", [1, 2, 3, 4]);
    let texts = ["n-2147483648", "b-2147483648", "sabc", "bytesAQIDBA=="].concat();
    assert_eq!(codec::attributes_size(&event.build().unwrap()), least + texts.len());
}

#[test]
fn losses_of_several_steps() {
    let (time, data) = (
        Loss::new(LossClass::Meaning, "time", "offset", "no offset"),
        Loss::of_data(LossClass::Meaning, "bytes", "no bytes"),
    );
    let mut losses = Losses::none();
    losses.push(time.clone());
    let mut more = Losses::none();
    more.push(data.clone());
    losses.append(more);
    assert_eq!(losses.iter().collect::<Vec<_>>(), [&time, &data]);
    let mut batch = Losses::none();
    batch.append_event(3, losses.clone());
    assert!(
        batch.iter().all(|loss| loss.index() == Some(3)) && losses.iter().all(|loss| loss.index().is_none())
    );
    assert_eq!((&losses).into_iter().map(Loss::detail).collect::<Vec<_>>(), ["no offset", "no bytes"]);
}
