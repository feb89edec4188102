//! "Did you mean": the candidate most similar to a misspelt word.

/// Jaro–Winkler similarity from which a word counts as a misspelling of another.
const SIMILAR: f64 = 0.75;

/// The candidate most similar to `found`, if any is similar. Case, hyphens and underscores are ignored.
pub fn nearest<'a>(found: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let found = squeezed(found);
    candidates
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(&found, &squeezed(candidate)), candidate))
        .filter(|(similarity, _)| *similarity >= SIMILAR)
        .max_by(|(one, _), (other, _)| one.total_cmp(other))
        .map(|(_, candidate)| candidate)
}

/// ``; did you mean `…`?``, or nothing.
pub(crate) fn question(suggestion: Option<&str>) -> String {
    suggestion.map(|word| format!("; did you mean `{word}`?")).unwrap_or_default()
}

fn squeezed(word: &str) -> String {
    word.chars().filter(|letter| !matches!(letter, '-' | '_' | ' ')).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn misspellings_find_their_word_and_other_words_find_none() {
        let names = ["mnist", "fashion-mnist", "kmnist", "cifar10", "cifar100"];
        assert_eq!(nearest("mnsit", names), Some("mnist"));
        assert_eq!(nearest("FashionMNIST", names), Some("fashion-mnist"));
        assert_eq!(nearest("CIFAR-10", names), Some("cifar10"));
        assert_eq!(nearest("imagenet", names), None);
        assert_eq!(nearest("", names), None);
    }
}
