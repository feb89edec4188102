//! Columns that text takes in a terminal: two for an ideograph or an emoji, none for a combining accent.

use textwrap::core::display_width;

/// Columns of a text on one line.
pub(crate) fn columns(text: &str) -> usize {
    display_width(text)
}

/// As much of the beginning of a text as fits.
pub(crate) fn cut(text: &str, most: usize) -> &str {
    let ends = text.char_indices().map(|(start, letter)| start + letter.len_utf8());
    let end = ends.take_while(|&end| columns(&text[..end]) <= most).last().unwrap_or(0);
    &text[..end]
}

/// A text that is no wider than this, with an ellipsis where something is missing.
pub(crate) fn shortened(text: &str, most: usize) -> String {
    if columns(text) <= most { text.to_owned() } else { format!("{}…", cut(text, most.saturating_sub(1))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wide_letters_take_two_columns_and_accents_none() {
        assert_eq!(["abc", "大きさ", "🦆", "e\u{301}"].map(columns), [3, 6, 2, 1]);
    }

    #[test]
    fn texts_are_cut_between_letters_and_never_wider_than_allowed() {
        assert_eq!((cut("automobile", 5), cut("大きさ", 5), cut("ab", 5)), ("autom", "大き", "ab"));
        assert_eq!(["automobile", "大きさ", "ab"].map(|text| shortened(text, 5)), ["auto…", "大き…", "ab"]);
        assert_eq!(shortened(&"x".repeat(70_000), 9).chars().count(), 9);
    }
}
