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

/// How numbers are to be written.
pub(crate) const PLAIN_NUMBERS: &str = "numbers are read without units, signs of currency or percent, and spaces, commas or points between thousands; dates and \
     times as one number, such as days";

/// Whether a text stands for a number or a date but is not written as a plain number: `12 %`, `$5`, `1 234`, `1,234.5`, `0x10`,
/// `2024-01-31`, `12:30`.
pub(crate) fn is_nearly_a_number(text: &str) -> bool {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    let hexadecimal = text.strip_prefix("0x").or(text.strip_prefix("0X"));
    let is_hexadecimal = hexadecimal.is_some_and(|rest| u64::from_str_radix(rest, 16).is_ok());
    let goes_with_numbers = |letter: char| {
        letter.is_ascii_digit() || letter.is_whitespace() || "+-.,:/%'_$€£¥₹\u{2212}".contains(letter)
    };
    is_hexadecimal || digits > 0 && text.chars().all(goes_with_numbers)
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

/// Bytes as hexadecimal digits, two each.
#[must_use]
pub fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
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
    fn what_stands_for_a_number_is_told_from_names() {
        for text in
            ["12 %", "$5.50", "1 234,5", "1.234,5", "0x1F", "2024-01-31", "12:30", "31/12/2024 23:59", "€3"]
        {
            assert!(is_nearly_a_number(text), "{text}");
        }
        for text in ["", "A4", "3rd", "x", "0xyz", "-", "user007", "1e", "2 rooms"] {
            assert!(!is_nearly_a_number(text), "{text}");
        }
    }

    #[test]
    fn thousands_are_separated() {
        assert_eq!(
            [0, 999, 5_084, 50_000, 1_234_567].map(grouped),
            ["0", "999", "5,084", "50,000", "1,234,567"]
        );
    }
}
