//! What running something asks of the heap, counted: calls, and bytes held.

#![allow(unsafe_code)] // A global allocator cannot be written without it. Every call is handed on as it came.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
};

/// An allocator that counts for [`of`], to be made the global one of a test program.
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

/// What the heap was asked for by one thread.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Heap {
    /// Calls that asked for memory.
    pub calls: usize,
    /// Bytes held at the end, less those that were held before.
    pub held: isize,
    /// Bytes held at most. A reallocation holds both, for it may have to copy.
    pub peak: isize,
}

/// What running this asks of the heap; the answer is still alive when the count ends. Without [`Counting`], nothing.
pub fn of<T>(run: impl FnOnce() -> T) -> Heap {
    COUNT.set(Some(Heap::default()));
    let kept = run();
    let heap = COUNT.take().unwrap_or_default();
    drop(kept);
    heap
}

thread_local! {
    static COUNT: Cell<Option<Heap>> = const { Cell::new(None) };
}

fn count(asked: usize, freed: usize) {
    // A thread that ends may free what it counted no longer.
    let _ = COUNT.try_with(|cell| {
        if let Some(mut heap) = cell.get() {
            heap.calls += usize::from(asked > 0);
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
