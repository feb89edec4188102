//! The catalogue is whole, and its translations say the same.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::catalogue::in_chinese;
use super::chinese;
use crate::cli::texts_of_help;

/// The texts in the code that `text!` says, each with its file.
fn texts_of_code() -> BTreeMap<String, PathBuf> {
    let mut texts = BTreeMap::new();
    for file in rust_files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src")) {
        let source = std::fs::read_to_string(&file).unwrap();
        if ["language/mod.rs", "language/tests.rs", "numbers.rs"].iter().any(|own| file.ends_with(own)) {
            continue; // where the macros are
        }
        for (start, _) in source.match_indices("text!(") {
            let says_two = source[..start].ends_with("counted_");
            let mut call = &source[start..];
            for _ in 0..1 + usize::from(says_two) {
                let (literal, rest) =
                    call.find('"').and_then(|quote| literal(&call[quote..])).unwrap_or_else(|| {
                        panic!("{}: text! says a literal", file.display());
                    });
                texts.insert(literal, file.clone());
                call = rest;
            }
        }
    }
    texts
}

/// The string at the start of some code, and the code behind it. A backslash at the end of a line leaves out the space that
/// follows.
fn literal(code: &str) -> Option<(String, &str)> {
    let code = code.strip_prefix('"')?;
    let mut letters = code.char_indices().peekable();
    let mut text = String::new();
    while let Some((place, letter)) = letters.next() {
        match letter {
            '"' => return Some((text, &code[place + 1..])),
            '\\' => match letters.next()?.1 {
                '\n' => while letters.next_if(|(_, letter)| letter.is_whitespace()).is_some() {},
                'n' => text.push('\n'),
                other => text.push(other),
            },
            other => text.push(other),
        }
    }
    None
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let (folders, files): (Vec<PathBuf>, Vec<PathBuf>) = entries.partition(|path| path.is_dir());
    let files = files.into_iter().filter(|path| path.extension().is_some_and(|extension| extension == "rs"));
    files.chain(folders.iter().flat_map(|folder| rust_files(folder))).collect()
}

#[test]
fn every_text_of_code_and_help_has_a_translation() {
    let code = texts_of_code().into_keys();
    let missing: BTreeSet<String> =
        code.chain(texts_of_help()).filter(|text| in_chinese(text).is_none()).collect();
    assert!(missing.is_empty(), "not in language/chinese/: {missing:#?}");
}

#[test]
fn every_translation_is_of_a_text_that_is_said_and_is_there_once() {
    let said: BTreeSet<String> = texts_of_code().into_keys().chain(texts_of_help()).collect();
    let mut seen = BTreeSet::new();
    for (english, _) in chinese::texts() {
        assert!(said.contains(english), "nothing says {english:?}");
        assert!(seen.insert(english), "{english:?} is there twice");
    }
}

/// What must be the same in both languages: placeholders, numbers, options, and what is quoted as code.
fn fixed(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    for (i, part) in text.split(['{', '}']).enumerate() {
        if i % 2 == 1 {
            words.push(format!("{{{part}}}"));
        } else {
            let ends_word = |letter: char| !letter.is_ascii_alphanumeric() && !"-_.:`%".contains(letter);
            words.extend(part.split(ends_word).filter_map(fixed_word));
        }
    }
    words.sort();
    words
}

/// A word that is the same in both languages; of `25th` the number.
fn fixed_word(word: &str) -> Option<String> {
    let plain = word.trim_matches(['.', ':']);
    if plain.starts_with("--") || plain.contains('`') {
        return Some(plain.to_owned());
    }
    let plain = plain.trim_matches('-');
    let is_number = plain.starts_with(|first: char| first.is_ascii_digit());
    is_number.then(|| plain.trim_end_matches(|end: char| end.is_ascii_alphabetic()).to_owned())
}

#[test]
fn translations_have_the_numbers_options_and_values_of_the_english_text() {
    for (english, chinese) in chinese::texts() {
        assert_eq!(fixed(chinese), fixed(english), "{english}\n{chinese}");
    }
}

#[test]
fn what_must_be_the_same_is_found() {
    let fixed =
        fixed("{epoch}/{of}: loss {loss:.4} in 25th, 0.5 or 1,024 with --lr-minimum; `a`, and so-so.");
    assert_eq!(fixed, ["--lr-minimum", "0.5", "024", "1", "25", "`a`", "{epoch}", "{loss:.4}", "{of}"]);
}
