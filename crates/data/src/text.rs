//! Text for messages: names from files, as long as a message should be, and numbers.

/// Characters of a name or cell shown in a message.
const MOST_LETTERS: usize = 60;

/// Names listed in a message before the rest is only counted.
const MOST_NAMES: usize = 12;

/// `text`, or its beginning if it is long.
pub(crate) fn excerpt(text: &str) -> String {
    match text.char_indices().nth(MOST_LETTERS) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}

/// `a, b, c`, or the first ones and the number of the others; each name as `shown` writes it.
pub(crate) fn listed(names: &[String], shown: impl Fn(String) -> String) -> String {
    let first: Vec<String> = names.iter().take(MOST_NAMES).map(|name| shown(excerpt(name))).collect();
    let more = names.len().saturating_sub(MOST_NAMES);
    if more > 0 { format!("{} and {more} more", first.join(", ")) } else { first.join(", ") }
}

/// `` `Age` (177), `Cabin` (687)``, or the first ones and the number of the others.
pub(crate) fn counts(columns: &[(String, usize)]) -> String {
    let shown = columns
        .iter()
        .take(MOST_NAMES)
        .map(|(name, count)| format!("`{}` ({})", excerpt(name), grouped(*count)));
    let shown = shown.collect::<Vec<_>>().join(", ");
    let more = columns.len().saturating_sub(MOST_NAMES);
    if more > 0 { format!("{shown} and {more} more") } else { shown }
}

/// A number with its thousands apart: `101,770`.
#[must_use]
pub fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 image`, `2,000 images`.
#[cfg(feature = "images")]
pub(crate) fn counted(number: usize, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", grouped(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_separated() {
        assert_eq!(
            [0, 999, 5_084, 50_000, 1_234_567].map(grouped),
            ["0", "999", "5,084", "50,000", "1,234,567"]
        );
    }
}
