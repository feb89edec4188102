//! Text brought to the width of a terminal: long lines go on in the next one, after a whole word.

use std::borrow::Cow;

use textwrap::{Options, WordSeparator, WordSplitter};

/// Spaces before what does not fit into a line, more than the line has itself.
const INDENT: usize = 2;

/// The text, with lines that are wider than `width` columns broken between words.
pub(super) fn wrapped(text: &str, width: Option<usize>) -> Cow<'_, str> {
    let Some(width) = width else { return Cow::Borrowed(text) };
    if text.lines().all(|line| textwrap::core::display_width(line) <= width) {
        return Cow::Borrowed(text);
    }
    let lines: Vec<String> = text.split('\n').map(|line| broken(line, width)).collect();
    Cow::Owned(lines.join("\n"))
}

fn broken(line: &str, width: usize) -> String {
    if textwrap::core::display_width(line) <= width {
        return line.to_owned();
    }
    let own = line.len() - line.trim_start_matches(' ').len();
    let indent = " ".repeat((own + INDENT).min(width / 2));
    let options = Options::new(width)
        .subsequent_indent(&indent)
        .word_separator(WordSeparator::AsciiSpace)
        .word_splitter(WordSplitter::NoHyphenation);
    textwrap::fill(line, options)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_broken_between_words_and_only_where_they_are_too_wide() {
        let text = "short\n    0.10 s + 7.4 ms test, 204,033 samples/s\n\nend";
        assert_eq!(wrapped(text, None), text);
        assert_eq!(wrapped(text, Some(80)), text);
        let narrow = "short\n    0.10 s + 7.4 ms\n      test, 204,033\n      samples/s\n\nend";
        assert_eq!(wrapped(text, Some(20)), narrow);
    }

    #[test]
    fn wide_letters_count_twice_and_a_word_longer_than_the_line_is_cut() {
        assert_eq!(wrapped("标签 标签 标签", Some(9)), "标签 标签\n  标签");
        let cut = wrapped("abcdefghijkl", Some(5));
        assert!(cut.lines().all(|line| line.len() <= 5), "{cut}");
    }
}
