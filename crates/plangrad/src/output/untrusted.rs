//! Text from outside, made safe to print: names of classes, columns, tensors, files and folders can hold anything.

/// Letters of a name that are shown.
const MOST_LETTERS: usize = 100;

/// A name from outside as a command prints it: on one line, without what controls a terminal, and of limited length.
pub(crate) fn untrusted(name: &str) -> String {
    let mut letters = name.chars().map(harmless);
    let mut shown: String = letters.by_ref().take(MOST_LETTERS).collect();
    if letters.next().is_some() {
        shown.pop();
        shown.push('…');
    }
    shown
}

/// A whole message of one or several lines, without what controls a terminal.
pub(crate) fn printable(message: &str) -> String {
    message.split('\n').map(|line| line.chars().map(harmless).collect()).collect::<Vec<String>>().join("\n")
}

/// A line of JSON in which these characters are escaped. (They can only be inside strings.)
pub(crate) fn escaped(json: &str) -> String {
    let mut line = String::with_capacity(json.len());
    for letter in json.chars() {
        if letter == harmless(letter) {
            line.push(letter);
        } else {
            line.push_str(&format!("\\u{:04x}", u32::from(letter)));
        }
    }
    line
}

/// A space in place of control characters, and of those that break lines or reverse the direction of writing.
fn harmless(letter: char) -> char {
    match letter {
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => ' ',
        letter if letter.is_control() => ' ',
        letter => letter,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_one_line_without_control_characters() {
        assert_eq!(untrusted("\u{1b}]0;owned\u{7}\u{1b}[2J\u{9b}31m"), " ]0;owned  [2J 31m");
        assert_eq!(untrusted("a\nb\r\u{202e}c\u{2029}"), "a b  c ");
        assert_eq!(untrusted("Größe, 大きさ, 👩‍🔬"), "Größe, 大きさ, 👩‍🔬");
    }

    #[test]
    fn long_names_end_with_an_ellipsis() {
        assert_eq!(untrusted(&"ä".repeat(100)), "ä".repeat(100));
        assert_eq!(untrusted(&"ä".repeat(70_000)), "ä".repeat(99) + "…");
    }

    #[test]
    fn json_keeps_its_meaning() {
        let text = "\u{1b}[2J\u{9b}2J\u{7f}\u{202e} ä\n";
        let line = escaped(&serde_json::to_string(text).unwrap());
        assert!(line.chars().all(|letter| letter == harmless(letter)), "{line:?}");
        assert_eq!(serde_json::from_str::<String>(&line).unwrap(), text);
    }

    #[test]
    fn messages_keep_their_lines() {
        assert_eq!(printable("error: a\u{1b}[2J\r\n\n  tip: b\t\n"), "error: a [2J \n\n  tip: b \n");
    }
}
