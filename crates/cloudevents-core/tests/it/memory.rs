//! Heap allocations of setting attributes.

use cloudevents_core::Event;
use cloudevents_testkit::heap;

#[global_allocator]
static COUNTING: heap::Counting = heap::Counting;

#[allow(clippy::unwrap_used)] // It is valid.
fn event() -> Event {
    let builder = Event::builder().id("1").source("/orders").ty("com.example.order.placed");
    builder.extension("region", "eu-central").extension("digest", [7; 32]).build().unwrap()
}

/// Sets the same attributes again and again, with values of the same length.
#[allow(clippy::unwrap_used)] // All of them are valid.
fn set(event: &mut Event, times: u32) {
    for number in 0..times {
        event.set_id(format!("{number:08}")).unwrap();
        event.set_extension("digest", number.to_be_bytes()).unwrap();
        event.set_extension("region", "us-east").unwrap();
    }
}

#[test]
fn setting_an_attribute_again_takes_neither_more_room_nor_more_time() {
    let cost = |times| {
        let mut event = event();
        heap::of(move || {
            set(&mut event, times);
            event
        })
    };
    let (few, many) = (cost(400), cost(40_000));
    assert!(many.asked <= 101 * few.asked, "{few:?} {many:?}");
    assert!(many.calls <= 101 * few.calls, "{few:?} {many:?}");
    assert!(many.peak <= few.peak && many.peak < 4096, "{few:?} {many:?}");
}

#[test]
fn a_builder_gives_back_what_was_replaced() {
    let build = |times: u32| {
        heap::of(|| {
            let builder = (0..times).fold(event().into_builder(), |builder, number| {
                builder.id(format!("{number:08}")).extension("digest", number.to_be_bytes())
            });
            builder.build().unwrap()
        })
    };
    let (few, many) = (build(100), build(10_000));
    assert!(many.held <= few.held, "{few:?} {many:?}");
    assert!(many.asked <= 150 * few.asked, "{few:?} {many:?}");
}

#[test]
fn what_is_left_is_the_same_after_many_changes() {
    let mut changed = event();
    set(&mut changed, 1000);
    let fresh = event()
        .into_builder()
        .id("00000999")
        .extension("digest", 999_u32.to_be_bytes())
        .extension("region", "us-east")
        .build()
        .unwrap();
    assert_eq!(changed, fresh);
}
