//! Text from files in messages: as long as a message should be.

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
