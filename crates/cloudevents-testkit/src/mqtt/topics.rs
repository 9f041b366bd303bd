//! Topic names and filters (MQTT 5.0, section 4.7).

/// Whether a filter, which is valid and not that of a shared subscription, matches a topic.
pub(super) fn matches(topic: &str, filter: &str) -> bool {
    if topic.starts_with('$') && filter.starts_with(['+', '#']) {
        return false;
    }
    let mut levels = topic.split('/');
    for wanted in filter.split('/') {
        match (wanted, levels.next()) {
            ("#", _) => return true,
            ("+", Some(_)) => {}
            (wanted, Some(level)) if wanted == level => {}
            _ => return false,
        }
    }
    levels.next().is_none()
}

/// Whether it is a filter: wildcards are whole levels, and `#` is the last one. That of a shared subscription has a group and another
/// filter.
pub(super) fn is_filter(filter: &str) -> bool {
    if let Some((group, filter)) = shared(filter) {
        return !group.is_empty() && !group.contains(['+', '#']) && is_plain_filter(filter);
    }
    !is_shared(filter) && is_plain_filter(filter)
}

fn is_plain_filter(filter: &str) -> bool {
    let last = filter.split('/').count().saturating_sub(1);
    let is_level = |(at, level): (usize, &str)| match level {
        "+" => true,
        "#" => at == last,
        level => !level.contains(['+', '#']),
    };
    !filter.is_empty() && !filter.contains('\0') && filter.split('/').enumerate().all(is_level)
}

/// Whether a filter is that of a shared subscription, valid or not.
pub(super) fn is_shared(filter: &str) -> bool {
    filter == "$share" || filter.starts_with("$share/")
}

/// The group and the filter of a shared subscription.
pub(super) fn shared(filter: &str) -> Option<(&str, &str)> {
    filter.strip_prefix("$share/")?.split_once('/')
}

/// Whether it is the name of a topic.
pub(super) fn is_topic(topic: &str) -> bool {
    !topic.is_empty() && !topic.contains(['+', '#', '\0'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters() {
        for (filter, topic, fits) in [
            ("a/#", "a", true),
            ("a/#", "ab", false),
            ("#", "/", true),
            ("+", "/", false),
            ("/+", "/", true),
            ("#", "$a", false),
            ("+/b", "$a/b", false),
            ("$a/#", "$a/b", true),
        ] {
            assert_eq!(matches(topic, filter), fits, "{filter} {topic}");
        }
        for (filter, is) in [("a/+/#", true), ("a/#/b", false), ("a+", false), ("", false), ("/", true)] {
            assert_eq!(is_filter(filter), is, "{filter}");
        }
        for (filter, is) in
            [("$share/g/a", true), ("$share/g/#", true), ("$share/g", false), ("$share//a", false)]
        {
            assert_eq!(is_filter(filter), is, "{filter}");
        }
    }
}
