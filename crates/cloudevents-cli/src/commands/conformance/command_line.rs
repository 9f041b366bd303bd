//! Command lines, split as a shell does.

/// A command line as a shell splits it: words, with quotation marks of both kinds.
///
/// A backslash protects a backslash, a quotation mark or a space. Other backslashes stay, as Windows paths have them.
pub(super) fn words(line: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut characters = line.chars().peekable();
    while let Some(character) = characters.next() {
        match (quote, character) {
            (Some(open), _) if character == open => quote = None,
            (None, '"' | '\'') => {
                quote = Some(character);
                word.get_or_insert_default();
            }
            (None | Some('"'), '\\') if characters.peek().is_some_and(|next| "\\\"' ".contains(*next)) => {
                word.get_or_insert_default().extend(characters.next());
            }
            (None, _) if character.is_whitespace() => words.extend(word.take()),
            _ => word.get_or_insert_default().push(character),
        }
    }
    words.extend(word);
    quote.is_none().then_some(words)
}

#[cfg(test)]
mod tests {
    use super::words;

    #[test]
    fn commands_are_split_as_in_a_shell() {
        for (line, wanted) in [
            ("node adapter.js", &["node", "adapter.js"][..]),
            ("  a 'b c'  \"d 'e'\" '' f\\ g", &["a", "b c", "d 'e'", "", "f g"]),
            (
                r#"C:\bin\ce.exe "C:\Program Files\x" \"y\""#,
                &[r"C:\bin\ce.exe", r"C:\Program Files\x", "\"y\""],
            ),
            ("", &[]),
        ] {
            assert_eq!(words(line).unwrap(), wanted, "{line}");
        }
        assert!(words("a 'b").is_none());
    }
}
