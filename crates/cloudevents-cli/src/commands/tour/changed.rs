//! Marks the changes between two texts.

use crate::style::{self, Paint};

/// Returns `shown` with the characters coloured that `original` does not have in this order.
pub(super) fn changed(original: &str, shown: &str, paint: Paint) -> String {
    let mut text = String::new();
    let mut run = String::new();
    let mut is_new = false;
    for (character, new) in marked(original, shown) {
        if new != is_new {
            text += &painted(&run, is_new, paint);
            run.clear();
            is_new = new;
        }
        run.push(character);
    }
    text + &painted(&run, is_new, paint)
}

fn painted(run: &str, is_new: bool, paint: Paint) -> String {
    if is_new && !run.is_empty() { paint.text(style::CHANGED, run) } else { run.to_owned() }
}

/// The characters of `shown`, and whether each is outside the longest common subsequence of both texts.
fn marked(original: &str, shown: &str) -> Vec<(char, bool)> {
    let (old, new): (Vec<char>, Vec<char>) = (original.chars().collect(), shown.chars().collect());
    let width = new.len().saturating_add(1);
    // The lengths of the common subsequences of the rests, row by row from the end.
    let mut rows = vec![vec![0_usize; width]];
    for letter in old.iter().rev() {
        let below = rows.last().cloned().unwrap_or_default();
        let mut row = vec![0_usize; width];
        for (at, other) in new.iter().enumerate().rev() {
            let next = at.saturating_add(1);
            let get = |row: &[usize], at: usize| row.get(at).copied().unwrap_or_default();
            let best = if letter == other {
                get(&below, next).saturating_add(1)
            } else {
                get(&below, at).max(get(&row, next))
            };
            if let Some(cell) = row.get_mut(at) {
                *cell = best;
            }
        }
        rows.push(row);
    }
    rows.reverse();
    let rest = |row: usize, at: usize| rows.get(row).and_then(|row| row.get(at)).copied().unwrap_or_default();
    let mut row = 0_usize;
    let mut marked = Vec::new();
    for (at, &character) in new.iter().enumerate() {
        // Skip characters that are only in the original.
        while row < old.len()
            && old.get(row) != Some(&character)
            && rest(row.saturating_add(1), at) == rest(row, at)
        {
            row = row.saturating_add(1);
        }
        let is_common = old.get(row) == Some(&character);
        row = row.saturating_add(usize::from(is_common));
        marked.push((character, !is_common));
    }
    marked
}

#[cfg(test)]
mod tests {
    use super::*;

    fn new(original: &str, shown: &str) -> String {
        marked(original, shown)
            .into_iter()
            .map(|(character, new)| if new { '^' } else { character })
            .collect()
    }

    #[test]
    fn only_what_is_new_is_marked() {
        assert_eq!(new("subject", "ce-subject: "), "^^^subject^^");
        assert_eq!(new("Größe 42", "Gr%C3%B6%C3%9Fe%2042"), "Gr^^^^^^^^^^^^e^^^42");
        assert_eq!(new("3", "\"3\""), "^3^");
        assert_eq!(new("", "x"), "^");
        assert_eq!(new("same", "same"), "same");
        assert_eq!(new("same", ""), "");
    }

    #[test]
    fn colours_surround_runs() {
        assert_eq!(changed("ab", "a--b", Paint(false)), "a--b");
        let coloured = changed("ab", "a--b", Paint(true));
        assert_eq!(coloured.matches("--").count(), 1, "{coloured:?}");
    }
}
