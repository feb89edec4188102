//! `docs/your-own-network.md` shows this crate's code, line by line as it is compiled, and all of it.

use std::fs;
use std::path::Path;

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// The blocks of the page in this language.
fn blocks(page: &str, language: &str) -> Vec<String> {
    let fence = format!("```{language}\n");
    page.split(&fence).skip(1).map(|rest| rest.split("```").next().unwrap().to_owned()).collect()
}

#[test]
fn the_guide_shows_the_sources_from_the_first_line_to_the_last() {
    let page = read("../../docs/your-own-network.md");
    let sources = ["src/lib.rs", "src/norm.rs", "src/residual.rs", "src/main.rs"].map(read);
    let blocks = blocks(&page, "rust");
    for block in &blocks {
        let block = block.trim_matches('\n');
        assert!(sources.iter().any(|source| source.contains(block)), "not in the sources:\n{block}");
    }
    let left_out = |line: &&str| !line.trim().is_empty() && !line.starts_with("//!");
    for line in sources.iter().flat_map(|source| source.lines().filter(left_out)) {
        assert!(blocks.iter().any(|block| block.lines().any(|shown| shown == line)), "not shown: {line}");
    }
}

#[test]
fn the_guide_names_the_dependencies() {
    let page = read("../../docs/your-own-network.md");
    let [dependencies] = &blocks(&page, "toml")[..] else { panic!("one block expected") };
    assert!(read("Cargo.toml").contains(dependencies.as_str()));
}
