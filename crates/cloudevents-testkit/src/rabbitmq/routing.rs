//! Exchanges.

/// The types of exchanges.
pub(super) const KINDS: [&str; 3] = ["direct", "fanout", "topic"];
/// The type that the broker lacks.
pub(super) const HEADERS: &str = "headers";

/// An exchange with its bindings.
#[derive(Debug, Default)]
pub(super) struct Exchange {
    pub(super) kind: String,
    pub(super) durable: bool,
    pub(super) bindings: Vec<Binding>,
}

/// A binding of a queue to an exchange.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Binding {
    /// A routing key, or a pattern of it.
    pub(super) key: String,
    pub(super) queue: String,
}

impl Exchange {
    pub(super) fn new(kind: &str) -> Self {
        Self { kind: kind.to_owned(), durable: true, ..Self::default() }
    }

    /// Adds a binding that is not there.
    pub(super) fn bind(&mut self, binding: Binding) {
        if !self.bindings.contains(&binding) {
            self.bindings.push(binding);
        }
    }

    /// The queues that get a message with this key. A queue may be there more than once.
    pub(super) fn route(&self, key: &str) -> Vec<String> {
        let fits = |binding: &&Binding| match self.kind.as_str() {
            "fanout" => true,
            "topic" => matches_topic(&binding.key, key),
            _ => binding.key == key,
        };
        self.bindings.iter().filter(fits).map(|binding| binding.queue.clone()).collect()
    }
}

/// `*` is one word, `#` any number of words. An empty key has none.
fn matches_topic(pattern: &str, key: &str) -> bool {
    matches(&words(pattern), &words(key), |wanted, word| wanted == "*" || wanted == word)
}

/// Compares each word of the pattern with each one of the key at most once.
fn matches(pattern: &[&str], key: &[&str], mut fits: impl FnMut(&str, &str) -> bool) -> bool {
    // How many words of the key the pattern so far may take.
    let mut taken = vec![false; key.len().saturating_add(1)];
    if let Some(none) = taken.first_mut() {
        *none = true;
    }
    for wanted in pattern {
        if *wanted == "#" {
            // A pattern that can take some words can take more.
            let least = taken.iter().position(|taken| *taken).unwrap_or(taken.len());
            taken.iter_mut().skip(least).for_each(|taken| *taken = true);
        } else {
            let one_more = taken.iter().zip(key).map(|(before, word)| *before && fits(wanted, word));
            taken = std::iter::once(false).chain(one_more).collect();
        }
    }
    taken.last().copied().unwrap_or_default()
}

fn words(key: &str) -> Vec<&str> {
    if key.is_empty() { Vec::new() } else { key.split('.').collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics() {
        for (pattern, key, fits) in [
            ("orders.*", "orders.eu", true),
            ("orders.*", "orders.eu.de", false),
            ("orders.#", "orders", true),
            ("orders.#", "orders.eu.de", true),
            ("#.de", "orders.eu.de", true),
            ("#", "", true),
            ("*", "", false),
            ("a.*.c", "a.b.c", true),
            ("a.*.c", "a.c", false),
            ("#.#", "", true),
            ("#.*", "a", true),
            ("#.*", "", false),
            ("#.a.#", "b.a.c", true),
            ("#.a.#.a", "a.b", false),
        ] {
            assert_eq!(matches_topic(pattern, key), fits, "{pattern} {key}");
        }
    }

    #[test]
    fn a_topic_with_many_wildcards_takes_few_comparisons() {
        let (pattern, key) = ("#.a.".repeat(20) + "b", "a.".repeat(60) + "c");
        let (pattern, key) = (words(&pattern), words(&key));
        let mut comparisons = 0;
        let fits = |wanted: &str, word: &str| {
            comparisons += 1;
            assert!(comparisons <= pattern.len() * key.len(), "too many");
            wanted == word
        };
        assert!(!matches(&pattern, &key, fits));
        assert!(comparisons > 0);
    }
}
