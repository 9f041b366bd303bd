//! A counting allocator: the exact heap usage of an operation.

#![allow(unsafe_code)] // A global allocator cannot be written without it.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
};

/// Counts the allocations of a thread while it is in [`of`], and delegates to the system's allocator.
pub(crate) struct Counting;

thread_local! {
    /// `None` outside of [`of`], so that neither time nor instructions contain the counting.
    static COUNT: Cell<Option<Heap>> = const { Cell::new(None) };
}

/// Requests to the heap. A reallocation counts as an allocation of its new size.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Heap {
    /// The number of allocating calls.
    pub(crate) calls: u64,
    /// The bytes requested in total.
    pub(crate) bytes: u64,
    /// The bytes requested and not freed.
    pub(crate) held: i64,
}

/// Runs a function and returns its heap usage. The result of `run` is alive when the count ends, so `held` is the memory that the result
/// holds. To count a whole operation, drop the result inside `run`.
pub(crate) fn of<T>(run: impl FnOnce() -> T) -> Heap {
    COUNT.set(Some(Heap::default()));
    let kept = run();
    let heap = COUNT.take().unwrap_or_default();
    drop(kept);
    heap
}

#[inline(always)]
fn count(asked: usize, freed: usize) {
    if let Some(heap) = COUNT.get() {
        COUNT.set(Some(Heap {
            calls: heap.calls + u64::from(asked > 0),
            bytes: heap.bytes + asked as u64,
            held: heap.held + asked as i64 - freed as i64,
        }));
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::hint::black_box;

    #[test]
    fn counts_exactly() {
        assert_eq!(of(|| ()), Heap::default());
        assert_eq!(of(|| black_box(vec![0_u8; 1000])), Heap { calls: 1, bytes: 1000, held: 1000 });
        assert_eq!(of(|| drop(black_box(vec![1_u8; 1000]))), Heap { calls: 1, bytes: 1000, held: 0 });
        let grown = of(|| {
            let mut bytes = black_box(vec![0_u8; 10]);
            bytes.reserve_exact(90);
            bytes
        });
        assert_eq!(grown, Heap { calls: 2, bytes: 110, held: 100 });
    }
}
