//! Texts looked up and filled with values.

use std::collections::HashMap;
use std::fmt::{Display, Write};
use std::sync::OnceLock;

use super::chinese;
use super::choice::Language;

impl Language {
    /// The translation of an English text; `None` for English, and for a text that has none.
    pub(crate) fn translation(self, english: &str) -> Option<&'static str> {
        match self {
            Language::English => None,
            Language::Chinese => in_chinese(english),
        }
    }

    /// A text in this language; in English, if it has no translation.
    pub(crate) fn translate(self, english: &str) -> &str {
        self.translation(english).unwrap_or(english)
    }
}

/// The translation into 简体中文, if there is one.
pub(super) fn in_chinese(english: &str) -> Option<&'static str> {
    static TEXTS: OnceLock<HashMap<&str, &str>> = OnceLock::new();
    TEXTS.get_or_init(|| chinese::texts().collect()).get(english).copied()
}

/// A translation with values at its `{name}`s; `{name:.4}` is a number with four decimals.
pub(crate) fn filled(template: &str, values: &[(&str, &dyn Display)]) -> String {
    let mut text = String::new();
    for (i, part) in template.split('{').enumerate() {
        let Some((hole, rest)) = part.split_once('}').filter(|_| i > 0) else {
            text += part;
            continue;
        };
        fill(&mut text, hole, values);
        text += rest;
    }
    text
}

/// Writes the value that a hole names.
fn fill(text: &mut String, hole: &str, values: &[(&str, &dyn Display)]) {
    let (name, decimals) = match hole.split_once(":.") {
        Some((name, decimals)) => (name, decimals.parse::<usize>().ok()),
        None => (hole, None),
    };
    let Some((_, value)) = values.iter().find(|(known, _)| *known == name) else { return };
    let _ = match decimals {
        Some(decimals) => write!(text, "{value:.decimals$}"),
        None => write!(text, "{value}"),
    };
}

#[cfg(test)]
mod tests {
    use super::filled;

    #[test]
    fn values_stand_where_the_translation_names_them() {
        let text = filled("{b} 个，{a:.2}，{b}", &[("a", &1.239), ("b", &"x")]);
        assert_eq!(text, "x 个，1.24，x");
        assert_eq!(filled("没有", &[]), "没有");
    }
}
