//! Tables for people, as aligned text or as Markdown.

use std::fmt::Write as _;

/// How to write tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    Text,
    Markdown,
}

/// A table under a title. The first column is a name, the others are numbers.
pub(crate) struct Table {
    title: &'static str,
    columns: Vec<&'static str>,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new(title: &'static str, columns: &[&'static str]) -> Self {
        Self { title, columns: columns.to_vec(), rows: Vec::new() }
    }

    pub(crate) fn push(&mut self, row: impl IntoIterator<Item = String>) {
        self.rows.push(row.into_iter().collect());
    }

    pub(crate) fn write(&self, style: Style) -> String {
        match style {
            Style::Text => self.text(),
            Style::Markdown => self.markdown(),
        }
    }

    fn markdown(&self) -> String {
        let rule = self.columns.iter().enumerate().map(|(at, _)| if at == 0 { "---" } else { "---:" });
        let mut out = format!("### {}\n\n", self.title);
        let _ = writeln!(out, "| {} |\n|{}|", self.columns.join(" | "), rule.collect::<Vec<_>>().join("|"));
        for row in &self.rows {
            let _ = writeln!(out, "| {} |", row.join(" | "));
        }
        out
    }

    fn text(&self) -> String {
        let width = |at: usize, head: &str| {
            let cells = self.rows.iter().filter_map(|row| row.get(at)).map(|cell| cell.chars().count());
            cells.chain([head.chars().count()]).max().unwrap_or(0)
        };
        let widths: Vec<usize> = self.columns.iter().enumerate().map(|(at, head)| width(at, head)).collect();
        let mut out = format!("{}\n", self.title.to_uppercase());
        let heads = self.columns.iter().map(|head| (*head).to_owned()).collect();
        for row in [&heads].into_iter().chain(&self.rows) {
            let mut line = String::new();
            for (at, (cell, width)) in row.iter().zip(&widths).enumerate() {
                let _ =
                    if at == 0 { write!(line, "{cell:width$}") } else { write!(line, "  {cell:>width$}") };
            }
            let _ = writeln!(out, "{}", line.trim_end());
        }
        out
    }
}

/// Formats a whole number with thousands separators.
pub(crate) fn whole(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) && !out.ends_with('-') {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A number with three significant digits or more.
pub(crate) fn short(number: f64) -> String {
    match number.abs() {
        size if size >= 99.95 => whole(number),
        size if size >= 9.995 => format!("{number:.1}"),
        _ => format!("{number:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
        assert_eq!([0.0, 999.4, 1234.0, 1_234_567.0].map(whole), ["0", "999", "1,234", "1,234,567"]);
        assert_eq!([0.5, 9.999, 12.34, 4321.0].map(short), ["0.50", "10.0", "12.3", "4,321"]);
    }

    #[test]
    fn both_styles() {
        let mut table = Table::new("Title", &["row", "ns"]);
        table.push(["a".into(), "1,000".into()]);
        assert_eq!(table.write(Style::Text), "TITLE\nrow     ns\na    1,000\n");
        assert_eq!(table.write(Style::Markdown), "### Title\n\n| row | ns |\n|---|---:|\n| a | 1,000 |\n");
    }
}
