//! A counting allocator: what an operation asks of the heap, told exactly.

#![allow(unsafe_code)] // A global allocator cannot be written without it.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
};

/// Counts what a thread asks for while it is in [`of`], and leaves the work to the system's allocator.
pub(crate) struct Counting;

thread_local! {
    /// `None` outside of [`of`], so that neither time nor instructions contain the counting.
    static COUNT: Cell<Option<Heap>> = const { Cell::new(None) };
}

/// What the heap was asked for. A reallocation counts as an allocation of its new size.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Heap {
    /// Calls that asked for memory.
    pub(crate) calls: u64,
    /// Bytes asked for in all.
    pub(crate) bytes: u64,
    /// Bytes asked for and not given back.
    pub(crate) held: i64,
}

/// What running this asks of the heap. The answer of `run` is still alive when the count ends, so that `held` is what it
/// holds; drop it inside to count the whole of an operation.
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
