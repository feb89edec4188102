//! Pages in other languages say what the English ones say: the same blocks in the same order, and in each section the same code,
//! numbers and links. So a command, an option or a figure cannot change in one language alone.
//!
//! Numbers are compared as digits: a translation writes one that is spelt out in English as a word of its own language.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::markdown::{Block, Page, Section, pages, root, targets};

/// A page and its translation.
pub(crate) struct Pair {
    pub(crate) english: Page,
    pub(crate) translated: Page,
}

/// Whether a page is a translation: its sessions are those of the English page and need not run twice.
pub(crate) fn is_translated(path: &Path) -> bool {
    english_of(path) != path
}

/// All translations there are, with the English pages they belong to.
pub(crate) fn pairs() -> Vec<Pair> {
    let translated = pages().into_iter().filter(|page| is_translated(&page.path));
    translated.map(|page| Pair { english: Page::read(&english_of(&page.path)), translated: page }).collect()
}

/// `docs/guide.md` of `docs/zh/guide.md`, `README.md` of `README.zh-CN.md`; any other path itself.
fn english_of(path: &Path) -> PathBuf {
    let folder = path.parent().unwrap_or(path);
    match path.file_name().and_then(|name| name.to_str()) {
        Some("README.zh-CN.md") => folder.join("README.md"),
        Some(name) if folder.ends_with("docs/zh") => {
            folder.join("..").join(name).components().fold(PathBuf::new(), |mut path, part| {
                match part {
                    std::path::Component::ParentDir => drop(path.pop()),
                    part => path.push(part),
                }
                path
            })
        }
        _ => path.to_path_buf(),
    }
}

impl Pair {
    /// What the translation has otherwise than the English page.
    pub(crate) fn differences(&self) -> Vec<String> {
        let mut found = self.sessions();
        let (english, translated) = (self.english.sections(), self.translated.sections());
        if english.len() != translated.len() {
            found.push(format!("{} sections, and {} in English", translated.len(), english.len()));
            return self.named(found);
        }
        for (english, translated) in english.iter().zip(&translated) {
            if english.level != translated.level {
                found.push(format!("`{}` is not on the level of `{}`", translated.heading, english.heading));
            }
            let (english, facts) = (facts(&self.english, english), facts(&self.translated, translated));
            found.extend(unequal(&english, &facts).map(|text| format!("`{}`: {text}", translated.heading)));
        }
        self.named(found)
    }

    /// The first block that differs: those after it may have moved.
    fn sessions(&self) -> Vec<String> {
        let (english, translated) = (self.english.blocks(), self.translated.blocks());
        let same = |a: &Block<'_>, b: &Block<'_>| {
            a.language == b.language && a.notes().eq(b.notes()) && a.lines == b.lines
        };
        let line = |blocks: &[Block<'_>], i: usize| {
            blocks.get(i).map_or("the end".to_owned(), |block| format!("line {}", block.line))
        };
        let differs = (0..english.len().max(translated.len())).find(|&i| {
            !english
                .get(i)
                .zip(translated.get(i))
                .is_some_and(|(english, translated)| same(english, translated))
        });
        let text = |i| {
            format!(
                "the block of {} is not that of {} in {}; copy it from there, or all with PLANGRAD_COPY_BLOCKS=1",
                line(&translated, i),
                line(&english, i),
                self.english.name()
            )
        };
        differs.map(text).into_iter().collect()
    }

    /// Writes the English page's blocks over the translation's, which must be as many.
    pub(crate) fn copy_blocks(&self) {
        let (english, translated) = (self.english.blocks(), self.translated.blocks());
        if english.len() != translated.len() {
            return;
        }
        let mut lines: Vec<&str> = self.translated.text.lines().collect();
        // From the last one on, so that the lines before stay where they are.
        for (english, translated) in english.iter().zip(&translated).rev() {
            lines.splice(
                translated.line..translated.line + translated.lines.len(),
                english.lines.iter().copied(),
            );
        }
        fs::write(&self.translated.path, lines.join("\n") + "\n").unwrap();
    }

    fn named(&self, found: Vec<String>) -> Vec<String> {
        found.into_iter().map(|text| format!("{}: {text}", self.translated.name())).collect()
    }

    /// The lines that lead from one language to the other, as they must stand below the titles.
    pub(crate) fn switches(&self) -> Vec<String> {
        let (english, translated) = (&self.english, &self.translated);
        let expected = [
            (english, format!("**English** · [简体中文]({})", way(english, translated))),
            (translated, format!("[English]({}) · **简体中文**", way(translated, english))),
        ];
        let missing = expected.into_iter().filter(|(page, line)| page.text.lines().nth(2) != Some(line));
        missing.map(|(page, line)| format!("{}: line 3 is not `{line}`", page.name())).collect()
    }
}

/// The relative path from one page to another, which lies beside it or one folder away.
fn way(from: &Page, to: &Page) -> String {
    let name = to.path.file_name().unwrap().to_str().unwrap();
    match to.path.strip_prefix(from.folder()) {
        Ok(below) => below.display().to_string(),
        Err(_) => format!("../{name}"),
    }
}

/// What must be equal in both languages, with how often it occurs.
type Facts = BTreeMap<String, i32>;

fn facts(page: &Page, section: &Section<'_>) -> Facts {
    let lines = || section.lines.iter().copied().filter(|line| !is_switch(line));
    let code = lines().flat_map(|line| line.split('`').skip(1).step_by(2)).map(|code| format!("`{code}`"));
    let links = targets(lines()).into_iter().map(|link| format!("link to {}", resolved(page, &link)));
    let numbers = lines().flat_map(|line| numbers(&without_links_and_code(line)));
    let mut facts = Facts::new();
    for fact in code.chain(links).chain(numbers) {
        *facts.entry(fact).or_default() += 1;
    }
    facts
}

fn is_switch(line: &str) -> bool {
    line.contains(" · ") && (line.starts_with("**English** · [") || line.ends_with(") · **简体中文**"))
}

/// Facts that do not occur equally often.
fn unequal<'a>(english: &'a Facts, translated: &'a Facts) -> impl Iterator<Item = String> + 'a {
    let count = |facts: &Facts, fact: &str| facts.get(fact).copied().unwrap_or_default();
    let all: std::collections::BTreeSet<&String> = english.keys().chain(translated.keys()).collect();
    all.into_iter().filter_map(move |fact| {
        let (a, b) = (count(english, fact), count(translated, fact));
        (a != b).then(|| format!("{fact} occurs {b} times, in English {a} times"))
    })
}

/// Where a link leads: the English page it stands for, as a path from the root, and which heading of the page. A link from a
/// translation to an English page that is translated too keeps the mark of the wrong language.
fn resolved(page: &Page, link: &str) -> String {
    if link.contains("://") {
        return link.to_owned();
    }
    let (file, heading) = link.split_once('#').unwrap_or((link, ""));
    let target = if file.is_empty() { page.path.clone() } else { page.folder().join(file) };
    let Ok(target) = fs::canonicalize(target) else { return link.to_owned() };
    let place = match heading {
        "" => String::new(),
        heading => {
            let place = Page::read(&target).headings().iter().position(|found| found == heading);
            format!(", heading {place:?}")
        }
    };
    let foreign = is_translated(&page.path) && !is_translated(&target) && translation_of(&target).exists();
    let mark = if foreign { " in English" } else { "" };
    let english = english_of(&target);
    format!("{}{mark}{place}", english.strip_prefix(root()).unwrap_or(&english).display())
}

/// Where the translation of an English page lies, if there is one.
fn translation_of(english: &Path) -> PathBuf {
    let (folder, name) = (english.parent().unwrap_or(english), english.file_name().unwrap_or_default());
    match folder == root() && name == "README.md" {
        true => folder.join("README.zh-CN.md"),
        false => folder.join("zh").join(name),
    }
}

/// A line of prose without the code in it and without what links lead to.
fn without_links_and_code(line: &str) -> String {
    let prose: String = line.split('`').step_by(2).collect();
    let mut parts = prose.split("](");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| text + "]" + part.split_once(')').map_or(part, |(_, rest)| rest))
}

/// The numbers of a line as digits: `1,024` and `2.30`, without a comma or a full stop that ends a sentence.
fn numbers(line: &str) -> Vec<String> {
    let runs = line.split(|c: char| !c.is_ascii_digit() && !matches!(c, ',' | '.'));
    let numbers = runs.map(|run| run.trim_matches([',', '.']).to_owned());
    numbers.filter(|number| !number.is_empty()).collect()
}

#[test]
fn a_difference_in_a_block_an_option_a_number_or_a_link_is_found() {
    let pair = |translated: &str| Pair {
        english: Page {
            path: root().join("docs/guide.md"),
            text: "# Look\n\nOne `--lr` of 2.30, [here](memory.md).\n\n```console\n$ plangrad train\n```\n"
                .to_owned(),
        },
        translated: Page { path: root().join("docs/zh/guide.md"), text: translated.to_owned() },
    };
    let same = "# 查看\n\n一个 `--lr`，2.30，见[这里](memory.md)。\n\n```console\n$ plangrad train\n```\n";
    assert_eq!(pair(same).differences(), Vec::<String>::new());
    for (old, new) in [
        ("train\n", "train --seed 1\n"),
        ("--lr", "--epochs"),
        ("2.30", "2.3"),
        ("(memory.md)", "(guide.md)"),
        ("(memory.md)", "(../memory.md)"),
        ("# 查看", "## 查看"),
        ("```console\n$ plangrad train\n```\n", ""),
    ] {
        let changed = same.replace(old, new);
        assert_ne!(pair(&changed).differences(), Vec::<String>::new(), "{changed}");
    }
}

#[test]
fn a_page_without_the_link_to_its_other_language_is_found() {
    let page =
        |path: &str, line: &str| Page { path: root().join(path), text: format!("# Title\n\n{line}\n") };
    let pair = |english, translated| Pair {
        english: page("README.md", english),
        translated: page("README.zh-CN.md", translated),
    };
    let there = "**English** · [简体中文](README.zh-CN.md)";
    let back = "[English](README.md) · **简体中文**";
    assert_eq!(pair(there, back).switches(), Vec::<String>::new());
    assert_eq!(pair(there, "").switches().len(), 1);
    assert_eq!(pair("", back).switches().len(), 1);
    assert_eq!(pair(there, "[English](docs/README.md) · **简体中文**").switches().len(), 1);
}
