//! The index of one attribute: entries by the values that they require.

use super::access::{Key, Way};
use crate::trie::Trie;
use std::collections::HashMap;

#[derive(Clone, Debug, Default)]
pub(super) struct AttributeIndex {
    exact: HashMap<Box<str>, Vec<usize>>,
    prefix: Trie,
    /// Of reversed texts.
    suffix: Trie,
}

impl AttributeIndex {
    pub(super) fn insert(&mut self, key: &Key, entry: usize) {
        match key.way {
            Way::Exact => self.exact.entry(key.text.clone()).or_default().push(entry),
            Way::Prefix => self.prefix.insert(key.text.as_bytes(), entry),
            Way::Suffix => reversed(&key.text, |text| self.suffix.insert(text, entry)),
        }
    }

    pub(super) fn remove(&mut self, key: &Key, entry: usize) {
        match key.way {
            Way::Exact => {
                let Some(entries) = self.exact.get_mut(&key.text) else { return };
                if let Some(place) = entries.iter().position(|known| *known == entry) {
                    entries.swap_remove(place);
                }
                if entries.is_empty() {
                    self.exact.remove(&key.text);
                }
            }
            Way::Prefix => self.prefix.remove(key.text.as_bytes(), entry),
            Way::Suffix => reversed(&key.text, |text| self.suffix.remove(text, entry)),
        }
    }

    pub(super) fn count(&self, key: &Key) -> usize {
        match key.way {
            Way::Exact => self.exact.get(&key.text).map_or(0, Vec::len),
            Way::Prefix => self.prefix.count(key.text.as_bytes()),
            Way::Suffix => reversed(&key.text, |text| self.suffix.count(text)),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.exact.is_empty() && self.prefix.is_empty() && self.suffix.is_empty()
    }

    /// Calls a function with every entry whose condition this value meets.
    pub(super) fn candidates(&self, text: &str, mut found: impl FnMut(usize)) {
        if let Some(entries) = self.exact.get(text) {
            entries.iter().for_each(|entry| found(*entry));
        }
        if !self.prefix.is_empty() {
            self.prefix.prefixes(text.as_bytes(), |entries| entries.iter().for_each(|entry| found(*entry)));
        }
        if !self.suffix.is_empty() {
            reversed(text, |text| {
                self.suffix.prefixes(text, |entries| entries.iter().for_each(|entry| found(*entry)));
            });
        }
    }
}

/// Calls a function with the bytes of a text from the last to the first. Bytes of a short text are on the stack.
fn reversed<R>(text: &str, read: impl FnOnce(&[u8]) -> R) -> R {
    let mut short = [0; 256];
    match short.get_mut(..text.len()) {
        Some(room) => {
            room.copy_from_slice(text.as_bytes());
            room.reverse();
            read(room)
        }
        None => {
            let mut bytes = text.as_bytes().to_vec();
            bytes.reverse();
            read(&bytes)
        }
    }
}
