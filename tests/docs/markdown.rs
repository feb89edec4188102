//! The part of Markdown that the documents use: fenced blocks with their notes, code spans, links, headings.

use std::fs;
use std::path::{Path, PathBuf};

/// A document.
pub(crate) struct Page {
    pub(crate) path: PathBuf,
    pub(crate) text: String,
}

/// A fenced block.
pub(crate) struct Block<'a> {
    /// The info string of the opening fence.
    pub(crate) language: &'a str,
    /// The content of the comment directly above, `<!-- docs: … -->`.
    note: &'a str,
    /// Number of the opening fence's line, from 1.
    pub(crate) line: usize,
    pub(crate) lines: Vec<&'a str>,
}

/// A heading and the prose up to the next one.
pub(crate) struct Section<'a> {
    /// How many `#` the heading has; 0 for what stands above the first.
    pub(crate) level: usize,
    pub(crate) heading: &'a str,
    /// The lines below the heading that are outside of fenced blocks.
    pub(crate) lines: Vec<&'a str>,
}

impl Block<'_> {
    /// The parts of the note, which commas separate.
    pub(crate) fn notes(&self) -> impl Iterator<Item = &str> {
        self.note.split(',').map(str::trim).filter(|note| !note.is_empty())
    }
}

/// The repository.
pub(crate) fn root() -> PathBuf {
    fs::canonicalize(Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")).unwrap()
}

/// Every document of the repository.
pub(crate) fn pages() -> Vec<Page> {
    let mut found = Vec::new();
    collect(&root(), &mut found);
    found.sort();
    found.iter().map(|path| Page::read(path)).collect()
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
    for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let foreign = name.starts_with('.') || ["target", "runs", "corpus"].contains(&name.as_str());
        if path.is_dir() && !foreign {
            collect(&path, found);
        } else if name.ends_with(".md") {
            found.push(path);
        }
    }
}

impl Page {
    pub(crate) fn read(path: &Path) -> Page {
        let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Page { path: path.to_path_buf(), text }
    }

    /// The path from the repository's root.
    pub(crate) fn name(&self) -> String {
        self.path.strip_prefix(root()).unwrap_or(&self.path).display().to_string()
    }

    pub(crate) fn folder(&self) -> &Path {
        self.path.parent().expect("a file is in a folder")
    }

    /// The fenced blocks.
    pub(crate) fn blocks(&self) -> Vec<Block<'_>> {
        let mut blocks: Vec<Block<'_>> = Vec::new();
        let (mut open, mut note) = (false, "");
        for (i, line) in self.text.lines().enumerate() {
            match line.strip_prefix("```") {
                Some(_) if open => open = false,
                Some(language) => {
                    open = true;
                    blocks.push(Block { language, note, line: i + 1, lines: Vec::new() });
                }
                None if open => blocks.last_mut().expect("one is open").lines.push(line),
                None => {}
            }
            note = line.strip_prefix("<!-- docs: ").and_then(|rest| rest.strip_suffix(" -->")).unwrap_or("");
        }
        assert!(!open, "{}: a fence is not closed", self.name());
        blocks
    }

    /// The lines outside of fenced blocks.
    fn prose(&self) -> impl Iterator<Item = &str> {
        let mut open = false;
        self.text.lines().filter(move |line| {
            let fence = line.starts_with("```");
            open ^= fence;
            !open && !fence
        })
    }

    /// Every code span, and every line of the blocks that hold commands.
    pub(crate) fn code(&self) -> Vec<String> {
        let spans = self.prose().flat_map(|line| line.split('`').skip(1).step_by(2)).map(str::to_owned);
        let blocks = self.blocks();
        let commands = blocks.iter().filter(|block| ["console", "sh"].contains(&block.language));
        let shown = |block: &&Block<'_>, line: &str| block.language == "sh" || line.starts_with("$ ");
        let lines = commands.flat_map(|block| block.lines.iter().filter(move |line| shown(&block, line)));
        let lines: Vec<String> = lines.map(|line| (*line).to_owned()).collect();
        spans.chain(lines).collect()
    }

    /// The targets of all links that stay within the repository.
    pub(crate) fn links(&self) -> Vec<String> {
        let outside = |link: &String| link.contains("://") || link.starts_with("mailto:");
        targets(self.prose()).into_iter().filter(|link| !outside(link)).collect()
    }

    /// The anchors of the headings, in their order.
    pub(crate) fn headings(&self) -> Vec<String> {
        self.sections().iter().skip(1).map(|section| anchor(section.heading)).collect()
    }

    /// What stands above the first heading, and the sections.
    pub(crate) fn sections(&self) -> Vec<Section<'_>> {
        let mut sections = vec![Section { level: 0, heading: "", lines: Vec::new() }];
        for line in self.prose() {
            let heading = line.trim_start_matches('#');
            match line.len() - heading.len() {
                0 => sections.last_mut().expect("the first is there").lines.push(line),
                level => sections.push(Section { level, heading: heading.trim(), lines: Vec::new() }),
            }
        }
        sections
    }
}

/// The targets of the links in lines of prose.
pub(crate) fn targets<'a>(lines: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut found = Vec::new();
    for line in lines {
        let plain = without_code(line);
        let inline = plain.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        let defined = line.strip_prefix('[').and_then(|line| line.split_once("]: "));
        found.extend(inline.chain(defined.map(|(_, target)| target)).map(str::to_owned));
    }
    found
}

/// `line` without the contents of its code spans.
fn without_code(line: &str) -> String {
    line.split('`').step_by(2).collect()
}

/// The anchor that GitHub gives a heading.
fn anchor(heading: &str) -> String {
    let kept = heading
        .to_lowercase()
        .chars()
        .filter(|c| c.is_alphanumeric() || " -_".contains(*c))
        .collect::<String>();
    kept.replace(' ', "-")
}

#[test]
fn blocks_notes_links_and_headings_are_found() {
    let text = "# A `b`, c\n[x](y.md#z) `[no](link)`\n<!-- docs: needs mnist, numbers vary -->\n```console\n$ plangrad\n\
                out\n```\n```sh\ncargo test\n```\n[r]: r.md\n[out](https://a.b)\n";
    let page = Page { path: root().join("x.md"), text: text.to_owned() };
    let blocks = page.blocks();
    assert_eq!((blocks.len(), blocks[0].line, blocks[0].language), (2, 4, "console"));
    assert_eq!(blocks[0].lines, ["$ plangrad", "out"]);
    assert_eq!(blocks[0].notes().collect::<Vec<_>>(), ["needs mnist", "numbers vary"]);
    assert_eq!(blocks[1].notes().count(), 0);
    assert_eq!(page.links(), ["y.md#z", "r.md"]);
    assert_eq!(page.code(), ["b", "[no](link)", "$ plangrad", "cargo test"]);
    assert!(page.headings() == ["a-b-c"]);
}
