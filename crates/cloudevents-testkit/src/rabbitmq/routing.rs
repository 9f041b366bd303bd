//! Exchanges.

/// An exchange with its bindings.
#[derive(Debug, Default)]
pub(super) struct Exchange {
    pub(super) kind: String,
    /// Routing keys, or patterns of them, and queues.
    pub(super) bindings: Vec<(String, String)>,
}

impl Exchange {
    pub(super) fn new(kind: &str) -> Self {
        Self { kind: kind.to_owned(), bindings: Vec::new() }
    }

    /// The queues that get a message with this key, each once.
    pub(super) fn route(&self, key: &str) -> Vec<String> {
        let mut queues: Vec<String> = Vec::new();
        for (pattern, queue) in &self.bindings {
            let fits = match self.kind.as_str() {
                "fanout" => true,
                "topic" => matches_topic(pattern, key),
                _ => pattern == key,
            };
            if fits && !queues.contains(queue) {
                queues.push(queue.clone());
            }
        }
        queues
    }
}

/// `*` is one word, `#` any number of words.
fn matches_topic(pattern: &str, key: &str) -> bool {
    fn matches(pattern: &[&str], key: &[&str]) -> bool {
        match (pattern.split_first(), key.split_first()) {
            (None, None) => true,
            (Some((&"#", rest)), None) => matches(rest, key),
            (Some((&"#", rest)), Some((_, words))) => matches(rest, key) || matches(pattern, words),
            (Some((first, rest)), Some((word, words))) => {
                (*first == "*" || first == word) && matches(rest, words)
            }
            _ => false,
        }
    }
    let (pattern, key): (Vec<_>, Vec<_>) = (pattern.split('.').collect(), key.split('.').collect());
    matches(&pattern, &key)
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
            ("*", "", true),
            ("a.*.c", "a.b.c", true),
            ("a.*.c", "a.c", false),
        ] {
            assert_eq!(matches_topic(pattern, key), fits, "{pattern} {key}");
        }
    }
}
