//! How deep values are nested.

use super::Mistake;
use alloc::vec::Vec;

/// Which of the open brackets are braces, innermost in the lowest bit; full words move to a vector, so that any depth works.
pub(super) struct Nesting {
    bits: u64,
    depth: u32,
    limit: u32,
    outer: Vec<u64>,
}

impl Nesting {
    pub(super) fn new(limit: u32) -> Self {
        Self { bits: 0, depth: 0, limit, outer: Vec::new() }
    }

    #[inline(always)]
    pub(super) fn enter(&mut self, object: bool) -> Result<(), Mistake> {
        if self.depth >= self.limit {
            return Err(Mistake::TooDeep);
        }
        if self.depth & 63 == 0 && self.depth > 0 {
            self.outer.push(self.bits);
        }
        self.bits = self.bits << 1 | u64::from(object);
        self.depth = self.depth.wrapping_add(1);
        Ok(())
    }

    #[inline(always)]
    pub(super) fn leave(&mut self) {
        self.depth = self.depth.wrapping_sub(1);
        self.bits >>= 1;
        if self.depth & 63 == 0
            && let Some(bits) = self.outer.pop()
        {
            self.bits = bits;
        }
    }

    /// Whether the innermost open bracket is a brace. `None` when all are closed.
    #[inline(always)]
    pub(super) fn innermost(&self) -> Option<bool> {
        if self.depth == 0 { None } else { Some(self.bits & 1 == 1) }
    }
}
