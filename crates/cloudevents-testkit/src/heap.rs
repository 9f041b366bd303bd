//! Counts the heap usage of a function: calls, and bytes held.

#![allow(unsafe_code)] // A global allocator cannot be written without it. Every call is handed on as it came.

use bytes::Bytes;
use cloudevents_core::{Event, Payload};
use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
};

/// A counting allocator for [`of`]. Make it the global allocator of the test program.
///
/// ```
/// use cloudevents_testkit::heap;
///
/// #[global_allocator]
/// static COUNTING: heap::Counting = heap::Counting;
///
/// let heap = heap::of(|| Vec::<u8>::with_capacity(100));
/// assert_eq!((heap.calls, heap.held, heap.peak), (1, 100, 100));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Counting;

/// The heap usage of one thread.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Heap {
    /// The number of allocating calls.
    pub calls: usize,
    /// The bytes requested by those calls, freed or not.
    pub asked: usize,
    /// The bytes held at the end, minus those held before.
    pub held: isize,
    /// The maximum of bytes held. A reallocation counts both blocks, because it may have to copy.
    pub peak: isize,
}

/// Runs a function and returns its heap usage. The result is dropped after the count ends. Without [`Counting`], all counts are 0.
pub fn of<T>(run: impl FnOnce() -> T) -> Heap {
    COUNT.set(Some(Heap::default()));
    let kept = run();
    let heap = COUNT.take().unwrap_or_default();
    drop(kept);
    heap
}

/// A payload of this many bytes, as clients have it: its buffer is counted already.
pub fn payload(bytes: usize) -> Bytes {
    let payload = Bytes::from(vec![b'x'; bytes]);
    std::mem::forget(payload.clone());
    payload
}

/// Checks that reading a message takes this number of allocations and less than a KiB, whatever the size of its [payload]; and that less
/// than a KiB is taken for a message that is too large. `received` makes a message.
///
/// # Panics
///
/// If it does not hold.
pub fn check_payloads<M, T, E>(
    calls: usize,
    received: impl Fn(Bytes) -> M,
    read: impl Fn(&M) -> Result<T, E>,
) {
    for bytes in [1, 10, 1 << 20] {
        let message = received(payload(bytes));
        let heap = of(|| read(&message));
        assert_eq!(heap.calls, calls, "{bytes} bytes");
        assert!(heap.peak < 1024, "{bytes} bytes: {}", heap.peak);
    }
    let large = received(payload(17 << 20));
    assert!(read(&large).is_err());
    let heap = of(|| read(&large));
    assert!(heap.peak < 1024, "{}", heap.peak);
}

thread_local! {
    static COUNT: Cell<Option<Heap>> = const { Cell::new(None) };
}

fn count(asked: usize, freed: usize) {
    // A thread that ends may free memory after its counter is gone.
    let _ = COUNT.try_with(|cell| {
        if let Some(mut heap) = cell.get() {
            heap.calls += usize::from(asked > 0);
            heap.asked += asked;
            heap.held += asked.cast_signed();
            heap.peak = heap.peak.max(heap.held);
            heap.held -= freed.cast_signed();
            cell.set(Some(heap));
        }
    });
}

// SAFETY: every call is passed on to the system's allocator as it came; counting does not allocate.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size(), 0);
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size(), 0);
        // SAFETY: the caller's promise.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, old: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size, layout.size());
        // SAFETY: the caller's promise.
        unsafe { System.realloc(old, layout, size) }
    }

    unsafe fn dealloc(&self, old: *mut u8, layout: Layout) {
        count(0, layout.size());
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(old, layout) }
    }
}

/// An event of half a kilobyte with the attributes that most events have, so that measurements of siblings compare.
///
/// ```
/// let order = cloudevents_testkit::heap::order();
/// assert_eq!((order.id(), order.extensions().len()), ("A234-1234-1234", 2));
/// ```
///
/// # Panics
///
/// Never: its attributes are valid.
#[allow(clippy::unwrap_used)] // constants, tested by the example
pub fn order() -> Event {
    Event::builder()
        .id("A234-1234-1234")
        .source("https://example.com/orders")
        .ty("com.example.order.placed")
        .subject("orders/42")
        .time("2018-04-05T17:31:00.123Z")
        .extension("partitionkey", "customer-7")
        .extension("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
        .payload("application/json", Payload::json(r#"{"total": 1}"#))
        .build()
        .unwrap()
}
