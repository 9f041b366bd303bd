//! Makes untrusted text safe to show on a terminal.

pub(crate) use cloudevents_core::codec::is_active;

/// Escapes control characters, line breaks, and characters that change the writing direction.
pub fn plain(text: &str) -> String {
    cloudevents_core::codec::one_line(text).into_owned()
}

/// Replaces each such character with a middle dot and each tab with a space, so that columns stay the same.
pub(crate) fn plain_columns(text: &str) -> String {
    text.chars()
        .map(|character| match character {
            '\t' => ' ',
            character if is_active(character) => '·',
            character => character,
        })
        .collect()
}

/// Returns at most `most` characters; the last is an ellipsis if some are left out.
pub fn shortened(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most.saturating_sub(1)).chain(['…']).collect()
}

/// `1 event`, `2 events`.
pub fn count(number: impl TryInto<usize>, what: &str) -> String {
    match number.try_into().unwrap_or(usize::MAX) {
        1 => format!("1 {what}"),
        number => format!("{} {what}s", thousands(number)),
    }
}

/// `12,345`.
pub fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && digits.len().wrapping_sub(at) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `17 bytes`, `64.0 KiB`.
pub fn size(bytes: usize) -> String {
    match bytes {
        0..10_240 => count(bytes, "byte"),
        10_240..1_048_576 => format!("{:.1} KiB", bytes as f64 / 1024.0),
        _ => format!("{:.1} MiB", bytes as f64 / 1_048_576.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_acts() {
        assert_eq!(plain("a\u{1b}[2Jb\u{202e}c"), "a\\u{1b}[2Jb\\u{202e}c");
        for hidden in ['\u{61c}', '\u{200b}', '\u{2060}', '\u{ad}', '\u{e0041}', '\u{9b}', '\u{3164}'] {
            assert_eq!(plain(&format!("a{hidden}b")), format!("a{}b", hidden.escape_unicode()));
        }
        // Scripts and emoji need these.
        for shown in ["क्\u{200d}ष", "👩\u{200d}💻", "❤\u{fe0f}", "e\u{301}", "می\u{200c}خواهم"]
        {
            assert_eq!(plain(shown), shown);
        }
        assert_eq!(plain_columns("a\u{1b}\tb"), "a· b");
        assert_eq!(plain("a\u{61c}b\u{9b}c"), "a\\u{61c}b\\u{9b}c");
    }

    #[test]
    fn numbers() {
        assert_eq!(count(1, "event"), "1 event");
        assert_eq!(count(1_234_567, "event"), "1,234,567 events");
        assert_eq!(size(65_536), "64.0 KiB");
        assert_eq!(shortened("abcdef", 4), "abc…");
    }
}
