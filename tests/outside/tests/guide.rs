//! `docs/your-own-network.md` shows this crate's code, line by line as it is compiled.

use std::fs;
use std::path::Path;

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

#[test]
fn every_block_of_the_guide_is_in_the_sources() {
    let sources = ["src/norm.rs", "src/residual.rs", "src/main.rs", "Cargo.toml"].map(read);
    let page = read("../../docs/your-own-network.md");
    let mut blocks = Vec::new();
    for fence in ["```rust\n", "```toml\n"] {
        blocks.extend(page.split(fence).skip(1).map(|rest| rest.split("```").next().unwrap()));
    }
    assert!(blocks.len() >= 8, "only {} blocks", blocks.len());
    for block in blocks {
        // A line `// ...` stands for code left out.
        for part in block.split("// ...\n") {
            let shown = sources.iter().any(|source| source.contains(part.trim_matches('\n')));
            assert!(shown, "not in the sources:\n{part}");
        }
    }
}
