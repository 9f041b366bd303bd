//! A radix tree of byte strings: finds the strings that a text begins with.

/// A set of keys, each with values. Finding all keys that a text begins with takes one walk along the text.
#[derive(Clone, Debug)]
pub(crate) struct Trie {
    /// The first is the root. Nodes are held by index, so that a deep tree needs no deep stack.
    nodes: Vec<Node>,
    free: Vec<usize>,
}

#[derive(Clone, Debug, Default)]
struct Node {
    /// The bytes between the parent and this node.
    label: Box<[u8]>,
    values: Vec<usize>,
    /// By the first byte of their labels.
    children: Vec<(u8, usize)>,
}

impl Default for Trie {
    fn default() -> Self {
        Self { nodes: vec![Node::default()], free: Vec::new() }
    }
}

impl Trie {
    pub(crate) fn insert(&mut self, key: &[u8], value: usize) {
        let (mut at, mut rest) = (0, key);
        while let Some(&first) = rest.first() {
            let Some(child) = self.child(at, first) else {
                let leaf = self.add(Node { label: rest.into(), ..Node::default() });
                self.adopt(at, first, leaf);
                at = leaf;
                break;
            };
            let label = self.node(child).map(|node| node.label.clone()).unwrap_or_default();
            let common = label.iter().zip(rest).take_while(|(one, two)| one == two).count();
            at = if common == label.len() { child } else { self.split(at, child, first, &label, common) };
            rest = rest.get(common..).unwrap_or_default();
        }
        if let Some(node) = self.nodes.get_mut(at) {
            node.values.push(value);
        }
    }

    pub(crate) fn remove(&mut self, key: &[u8], value: usize) {
        let mut path = vec![0];
        let mut rest = key;
        let mut at = 0;
        while let Some(&first) = rest.first() {
            let Some(child) = self.child(at, first) else { return };
            let Some(left) = self.node(child).and_then(|node| rest.strip_prefix(&*node.label)) else {
                return;
            };
            rest = left;
            at = child;
            path.push(child);
        }
        if let Some(node) = self.nodes.get_mut(at)
            && let Some(place) = node.values.iter().position(|known| *known == value)
        {
            node.values.swap_remove(place);
        }
        // Nodes that hold nothing any more are removed. Nodes with one child may stay: they cost a step, not correctness.
        while let [.., parent, child] = *path {
            if self.node(child).is_some_and(|node| node.values.is_empty() && node.children.is_empty()) {
                if let Some(parent) = self.nodes.get_mut(parent) {
                    parent.children.retain(|(_, other)| *other != child);
                }
                self.free.push(child);
            }
            path.pop();
        }
    }

    /// Calls a function with the values of every key that the text begins with.
    #[inline]
    pub(crate) fn prefixes(&self, text: &[u8], mut found: impl FnMut(&[usize])) {
        let (mut at, mut rest) = (0, text);
        while let Some(node) = self.nodes.get(at) {
            if !node.values.is_empty() {
                found(&node.values);
            }
            let Some(child) = rest.first().and_then(|first| self.child(at, *first)) else { return };
            let Some(left) = self.node(child).and_then(|node| rest.strip_prefix(&*node.label)) else {
                return;
            };
            rest = left;
            at = child;
        }
    }

    /// The number of values of this key.
    pub(crate) fn count(&self, key: &[u8]) -> usize {
        let (mut at, mut rest) = (0, key);
        while let Some(&first) = rest.first() {
            let Some(child) = self.child(at, first) else { return 0 };
            let Some(left) = self.node(child).and_then(|node| rest.strip_prefix(&*node.label)) else {
                return 0;
            };
            rest = left;
            at = child;
        }
        self.node(at).map_or(0, |node| node.values.len())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.node(0).is_none_or(|root| root.values.is_empty() && root.children.is_empty())
    }

    fn node(&self, at: usize) -> Option<&Node> {
        self.nodes.get(at)
    }

    fn child(&self, at: usize, first: u8) -> Option<usize> {
        let children = &self.nodes.get(at)?.children;
        let place = children.binary_search_by_key(&first, |(byte, _)| *byte).ok()?;
        children.get(place).map(|(_, child)| *child)
    }

    fn adopt(&mut self, parent: usize, first: u8, child: usize) {
        let Some(parent) = self.nodes.get_mut(parent) else { return };
        match parent.children.binary_search_by_key(&first, |(byte, _)| *byte) {
            Ok(place) => {
                if let Some(entry) = parent.children.get_mut(place) {
                    entry.1 = child;
                }
            }
            Err(place) => parent.children.insert(place, (first, child)),
        }
    }

    fn add(&mut self, node: Node) -> usize {
        match self.free.pop() {
            Some(at) => {
                if let Some(place) = self.nodes.get_mut(at) {
                    *place = node;
                }
                at
            }
            None => {
                self.nodes.push(node);
                self.nodes.len().saturating_sub(1)
            }
        }
    }

    /// Puts a node between a parent and its child, at the byte where the child's label differs from a key.
    fn split(&mut self, parent: usize, child: usize, first: u8, label: &[u8], common: usize) -> usize {
        let (above, below) = label.split_at_checked(common).unwrap_or((label, &[]));
        let middle = self.add(Node { label: above.into(), ..Node::default() });
        self.adopt(parent, first, middle);
        if let Some(&second) = below.first() {
            self.adopt(middle, second, child);
        }
        if let Some(node) = self.nodes.get_mut(child) {
            node.label = below.into();
        }
        middle
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn as_a_list_of_keys(
            steps in prop::collection::vec((any::<bool>(), "[ab]{0,5}", 0..3_usize), 0..60),
            texts in prop::collection::vec("[ab]{0,7}", 1..8),
        ) {
            let (mut trie, mut list) = (Trie::default(), Vec::new());
            for (insert, key, value) in steps {
                if insert {
                    trie.insert(key.as_bytes(), value);
                    list.push((key, value));
                } else {
                    trie.remove(key.as_bytes(), value);
                    if let Some(at) = list.iter().position(|known| *known == (key.clone(), value)) {
                        list.swap_remove(at);
                    }
                }
            }
            for text in texts {
                let mut found = Vec::new();
                trie.prefixes(text.as_bytes(), |values| found.extend_from_slice(values));
                let mut expected: Vec<_> =
                    list.iter().filter(|(key, _)| text.starts_with(key)).map(|(_, value)| *value).collect();
                found.sort_unstable();
                expected.sort_unstable();
                prop_assert_eq!(found, expected);
                prop_assert_eq!(trie.count(text.as_bytes()), list.iter().filter(|(key, _)| *key == text).count());
            }
            prop_assert_eq!(trie.is_empty(), list.is_empty());
        }
    }
}
