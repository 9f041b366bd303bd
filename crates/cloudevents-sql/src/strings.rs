//! Functions of texts (CESQL 3.5.1). Characters are Unicode scalar values, counted from 1.

use std::borrow::Cow;

pub(crate) fn length(text: &str) -> i32 {
    i32::try_from(text.chars().count()).unwrap_or(i32::MAX)
}

pub(crate) fn lower(text: Cow<'_, str>) -> Cow<'_, str> {
    if text.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase()) {
        return text;
    }
    text.to_lowercase().into()
}

pub(crate) fn upper(text: Cow<'_, str>) -> Cow<'_, str> {
    if text.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_lowercase()) {
        return text;
    }
    text.to_uppercase().into()
}

/// Removes white space as `char::is_whitespace` defines it: the Unicode property White_Space.
pub(crate) fn trim(text: Cow<'_, str>) -> Cow<'_, str> {
    match text {
        Cow::Borrowed(text) => text.trim().into(),
        Cow::Owned(text) => text.trim().to_owned().into(),
    }
}

/// The first characters; `None` for a negative number of them.
pub(crate) fn left(text: &str, count: i32) -> Option<&str> {
    let end = offset(text, usize::try_from(count).ok()?);
    text.get(..end)
}

/// The last characters; `None` for a negative number of them.
pub(crate) fn right(text: &str, count: i32) -> Option<&str> {
    let Some(before) = usize::try_from(count).ok()?.checked_sub(1) else { return Some("") };
    match text.char_indices().rev().nth(before) {
        Some((start, _)) => text.get(start..),
        None => Some(text),
    }
}

/// Returns `count` characters from a position, or all from there. Positions count from 1, negative ones from the end; position 0 gives
/// the empty text. `None` for a position outside of the text, and for a negative count.
pub(crate) fn substring(text: &str, position: i32, count: Option<i32>) -> Option<&str> {
    let count = count.map(usize::try_from).transpose().ok()?;
    let steps = usize::try_from(position.unsigned_abs()).ok()?;
    let Some(before) = steps.checked_sub(1) else { return Some("") };
    let (start, _) = if position > 0 {
        text.char_indices().nth(before)?
    } else {
        text.char_indices().rev().nth(before)?
    };
    let rest = text.get(start..)?;
    match count {
        Some(count) => rest.get(..offset(rest, count)),
        None => Some(rest),
    }
}

/// Where the character of this index begins, or the end.
fn offset(text: &str, index: usize) -> usize {
    text.char_indices().nth(index).map_or(text.len(), |(at, _)| at)
}

/// The arguments of a function that cuts its first one: borrowed text stays borrowed.
pub(crate) fn cut<'a>(
    text: Cow<'a, str>,
    cut: impl Fn(&str) -> Option<&str>,
) -> Result<Cow<'a, str>, Cow<'a, str>> {
    match text {
        Cow::Borrowed(text) => cut(text).map(Cow::Borrowed).ok_or(Cow::Borrowed(text)),
        Cow::Owned(text) => match cut(&text).map(str::to_owned) {
            Some(piece) => Ok(Cow::Owned(piece)),
            None => Err(Cow::Owned(text)),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_are_not_bytes() {
        assert_eq!(length("héé"), 3);
        assert_eq!(left("héé", 2), Some("hé"));
        assert_eq!(right("héé", 2), Some("éé"));
        assert_eq!(right("abc", 0), Some(""));
        assert_eq!(substring("héé", 2, Some(1)), Some("é"));
        assert_eq!(substring("héé", -3, None), Some("héé"));
        assert_eq!(substring("héé", -4, None), None);
        assert_eq!(substring("héé", 4, None), None);
        assert_eq!(substring("", 1, None), None);
        assert_eq!(substring("abc", i32::MIN, None), None);
        assert_eq!(substring("abc", 2, Some(-1)), None);
        assert_eq!(substring("abc", 2, Some(i32::MAX)), Some("bc"));
        assert_eq!(substring("abc", 0, None), Some(""));
    }

    #[test]
    fn only_white_space_is_trimmed() {
        assert_eq!(trim("\u{a0}\u{2003} a\u{200b}".into()), "a\u{200b}");
        assert_eq!(trim("\u{0}a".into()), "\u{0}a");
    }
}
