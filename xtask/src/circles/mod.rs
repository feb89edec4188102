//! Import circles: files of one crate that need each other, directly or through others.
//!
//! An edge leads from a file to the file that *defines* what it names: paths are followed through imports and
//! re-exports to the definition. A `mod` declaration, a re-export and code under `#[cfg(test)]` make no edge. Method
//! calls make none either, as they cannot be resolved without types; importing the trait they come from does.

mod components;
mod resolve;
mod syntax;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use cargo_metadata::{Package, Target};

use crate::Result;
use crate::command::root;
use components::{Components, light_cuts};
use syntax::Crate;

/// Where one file names something of another: the first place, and how many there are.
#[derive(Debug)]
struct Edge {
    line: usize,
    path: String,
    uses: usize,
}

/// The edges of a crate by the numbers of the files that they connect.
type Edges = BTreeMap<(usize, usize), Edge>;

/// A description of every import circle in the library and the binaries of a package; none is empty.
pub(crate) fn of(package: &Package) -> Result<Vec<String>> {
    let targets = package.targets.iter().filter(|target| is_code(target));
    let mut found = Vec::new();
    for target in targets {
        found.extend(of_crate(target.src_path.as_std_path())?);
    }
    Ok(found)
}

/// Whether a target is a library or a program.
pub(crate) fn is_code(target: &Target) -> bool {
    target.is_lib() || target.is_cdylib() || target.is_bin()
}

fn of_crate(main: &Path) -> Result<Vec<String>> {
    let source = Crate::read(main)?;
    let edges = edges(&source);
    let circles = Components::of(source.files.len(), edges.keys().copied());
    Ok(circles.iter().map(|files| describe(&source, &edges, files)).collect())
}

fn edges(source: &Crate) -> Edges {
    let mut edges = Edges::new();
    for reference in &source.references {
        let from = source.modules[reference.module].file;
        for to in source.defining_files(reference).into_iter().filter(|to| *to != from) {
            let edge = edges.entry((from, to)).or_insert_with(|| Edge {
                line: reference.line,
                path: reference.path.join("::"),
                uses: 0,
            });
            edge.uses += 1;
        }
    }
    edges
}

/// The files of a circle with an example of every edge between them. Marked are the edges whose removal leaves no circle,
/// chosen so that few places of the code need them.
fn describe(source: &Crate, edges: &Edges, files: &[usize]) -> String {
    let within = |(from, to): &(usize, usize)| files.contains(from) && files.contains(to);
    let inner: BTreeMap<(usize, usize), usize> =
        edges.iter().filter(|(pair, _)| within(pair)).map(|(pair, edge)| (*pair, edge.uses)).collect();
    let cuts = light_cuts(files, &inner);
    let name = |file: usize| {
        let path = &source.files[file];
        path.strip_prefix(root()).unwrap_or(path).display().to_string()
    };
    let mut text = format!(
        "{} files in one import circle; without the {} edges marked `cut` there would be none\n",
        files.len(),
        cuts.len()
    );
    for &from in files {
        writeln!(text, "  {}", name(from)).expect("a string takes any text");
        for (&(_, to), edge) in edges.iter().filter(|(pair, _)| pair.0 == from && within(pair)) {
            let mark = if cuts.contains(&(from, to)) { "cut" } else { "   " };
            let Edge { line, path, uses } = edge;
            let more = if *uses > 1 { format!(" and {} more", uses - 1) } else { String::new() };
            writeln!(text, "  {mark} → {}  (line {line}: {path}{more})", name(to))
                .expect("a string takes any text");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// The edges of a crate made of these files, as `from → to`, and its circles.
    fn examine(files: &[(&str, &str)]) -> (Vec<String>, Vec<String>) {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let main = folder.path().join("lib.rs");
        let source = Crate::read(&main).unwrap();
        let name =
            |file: usize| source.files[file].strip_prefix(folder.path()).unwrap().display().to_string();
        let pairs =
            edges(&source).keys().map(|(from, to)| format!("{} → {}", name(*from), name(*to))).collect();
        (pairs, of_crate(&main).unwrap())
    }

    #[test]
    fn two_files_that_import_each_other_are_a_circle() {
        let (_, circles) = examine(&[
            ("lib.rs", "mod a; mod b; mod c;"),
            ("a.rs", "use crate::b::B; pub struct A(B);"),
            ("b.rs", "pub struct B;\nfn f() { crate::a::A::new(); crate::c::g() }"),
            ("c.rs", "pub fn g() {}"),
        ]);
        assert_eq!(circles.len(), 1);
        assert!(circles[0].starts_with("2 files"), "{}", circles[0]);
        assert!(circles[0].contains("a.rs  (line 2: crate::a::A::new)"), "{}", circles[0]);
        assert!(!circles[0].contains("c.rs"), "{}", circles[0]);
    }

    #[test]
    fn a_path_leads_through_re_exports_to_the_definition() {
        let (edges, circles) = examine(&[
            ("lib.rs", "mod a; mod b; pub use a::A; pub use self::b::*;"),
            ("a.rs", "pub struct A; fn f(_: super::inner) {}"),
            ("b/mod.rs", "mod deep; pub use deep::{Deep as Renamed};"),
            ("b/deep.rs", "use crate::A; pub struct Deep(A); fn f(_: crate::Renamed) {}"),
        ]);
        assert_eq!(edges, ["b/deep.rs → a.rs"]);
        assert_eq!(circles, [""; 0]);
        let (edges, _) = examine(&[
            ("lib.rs", "mod a; mod b; pub use self::b::*;"),
            ("a.rs", "type X = crate::Renamed;"),
            ("b/mod.rs", "mod deep; pub use deep::{Deep as Renamed};"),
            ("b/deep.rs", "pub struct Deep;"),
        ]);
        assert_eq!(edges, ["a.rs → b/deep.rs"]);
    }

    #[test]
    fn names_in_macros_and_attributes_count() {
        let (edges, _) = examine(&[
            ("lib.rs", "#[macro_use] mod a; mod b; mod c; mod d;"),
            ("a.rs", "macro_rules! twice { ($x:expr) => { $crate::d::two() * $x } }"),
            ("b.rs", "fn f() { twice!(2); assert!(super::c::ready(), \"{}\", 1); }"),
            ("c.rs", "pub fn ready() {} struct S { #[arg(parser = crate::d::two)] x: u8 }"),
            ("d.rs", "pub fn two() {}"),
        ]);
        assert_eq!(edges, ["a.rs → d.rs", "b.rs → a.rs", "b.rs → c.rs", "c.rs → d.rs"]);
    }

    #[test]
    fn test_code_and_local_variables_do_not_count() {
        let (edges, _) = examine(&[
            ("lib.rs", "mod a; #[cfg(test)] mod b; mod c; mod d; pub use a::f; fn g(f: u8) -> u8 { f }"),
            ("a.rs", "pub fn f() {} #[cfg(all(test, unix))] fn t() { crate::c::c() }"),
            ("b.rs", "use crate::c::c;"),
            ("c.rs", "pub fn c() {} #[cfg(any(test, unix))] use crate::d::D;"),
            ("d.rs", "pub struct D;"),
        ]);
        assert_eq!(edges, ["c.rs → d.rs"]);
    }

    #[test]
    fn inline_modules_belong_to_their_file() {
        let (edges, circles) = examine(&[
            ("lib.rs", "mod a { pub mod b; pub struct A; } mod c;"),
            ("a/b.rs", "pub struct B(super::A);"),
            ("c.rs", "use crate::a::b; fn f() -> b::B {}"),
        ]);
        assert_eq!(edges, ["a/b.rs → lib.rs", "c.rs → a/b.rs"]);
        assert_eq!(circles, [""; 0]);
    }
}
