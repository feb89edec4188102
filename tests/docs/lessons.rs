//! The PyTorch code of `docs/lessons.md` is one program from top to bottom: it runs, and prints what its comments say.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::markdown::{Page, root};

/// `PLANGRAD_PYTHON` needs torch, torchvision, torchsummary and matplotlib, and `PLANGRAD_DATA` MNIST.
#[test]
fn the_pytorch_code_of_the_lessons_runs_and_prints_what_it_says() {
    let (Some(python), Some(data)) = (std::env::var_os("PLANGRAD_PYTHON"), mnist()) else {
        eprintln!(
            "SKIPPED: set PLANGRAD_PYTHON to a Python with torch, and PLANGRAD_DATA to a folder with MNIST"
        );
        return;
    };
    let page = Page::read(&root().join("docs/lessons.md"));
    let folder = tempfile::tempdir().unwrap();
    unpack(&data, &folder.path().join("data/MNIST/raw"));
    fs::write(folder.path().join("lessons.py"), program(&page)).unwrap();
    let output = Command::new(python)
        .arg("lessons.py")
        .current_dir(folder.path())
        .env("MPLBACKEND", "Agg")
        .output()
        .unwrap();
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let missing: Vec<String> = promised(&page).filter(|line| !printed.lines().any(|l| l == line)).collect();
    assert!(missing.is_empty(), "not printed: {missing:?}; but\n{printed}");
}

#[test]
fn each_lesson_has_pytorch_code_and_the_first_sums_are_promised() {
    let page = Page::read(&root().join("docs/lessons.md"));
    let lessons = page.sections().iter().filter(|section| section.level == 2).count();
    assert_eq!(code(&page).count(), lessons);
    assert_eq!(promised(&page).collect::<Vec<_>>(), ["64 1861792", "1024 5363872"]);
}

fn code(page: &Page) -> impl Iterator<Item = String> {
    let blocks = page.blocks().into_iter().filter(|block| block.language == "python");
    blocks.map(|block| block.lines.join("\n") + "\n").collect::<Vec<_>>().into_iter()
}

fn program(page: &Page) -> String {
    code(page).collect()
}

/// Comments of numbers alone: lines that the program prints.
fn promised(page: &Page) -> impl Iterator<Item = String> {
    let lines: Vec<String> =
        program(page).lines().filter_map(|line| line.strip_prefix("# ")).map(str::to_owned).collect();
    lines.into_iter().filter(|line| line.chars().all(|c| c.is_ascii_digit() || c == ' '))
}

fn mnist() -> Option<PathBuf> {
    let folder = Path::new(&std::env::var_os("PLANGRAD_DATA")?).join("mnist");
    folder.exists().then_some(folder)
}

/// Puts files where torchvision looks for them, without their compression.
fn unpack(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for file in fs::read_dir(from).unwrap().map(|entry| entry.unwrap().path()) {
        let bytes = fs::read(&file).unwrap();
        let packed = file.extension().is_some_and(|extension| extension == "gz");
        let name = if packed { file.file_stem() } else { file.file_name() };
        let mut plain = Vec::new();
        match packed {
            true => drop(flate2::read::MultiGzDecoder::new(&bytes[..]).read_to_end(&mut plain).unwrap()),
            false => plain = bytes,
        }
        fs::write(to.join(name.unwrap()), plain).unwrap();
    }
}
