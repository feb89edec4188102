//! What pages for the browser have in common: data that cannot become markup, and a policy that lets only their own script run.

use sha2::{Digest, Sha256};

use crate::base64::base64;

/// JSON in which nothing can be taken for the end of a script or for markup. (These letters can only be inside strings.)
pub(crate) fn embedded(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for letter in json.chars() {
        match letter {
            '<' | '>' | '&' | '\'' | '\u{2028}' | '\u{2029}' => {
                text.push_str(&format!("\\u{:04x}", u32::from(letter)));
            }
            other => text.push(other),
        }
    }
    text
}

/// The SHA-256 of an element's text, as a content security policy has it.
pub(crate) fn digest(text: &str) -> String {
    base64(&Sha256::digest(text.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_in_a_page_keeps_its_meaning_and_cannot_end_its_element() {
        let text = "</script><!--<script>&'\u{2028}ä";
        let json = embedded(&serde_json::to_string(text).unwrap());
        assert!(!json.contains(['<', '>', '&', '\'', '\u{2028}']), "{json}");
        assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
    }
}
