//! The page docs/benchmarks.md: where figures stand in it, and on what machine they were measured.

use std::fs;

use crate::Result;
use crate::command::{output, program, root};

/// The page as a text.
pub(crate) struct Document(String);

/// Between these marks the records stand.
const RECORDS: (&str, &str) = ("<!-- records -->\n", "<!-- end of records -->");

impl Document {
    /// Reads the page, changes it and writes it.
    pub(super) fn change(change: impl FnOnce(&mut Document) -> Result<()>) -> Result<()> {
        let path = root().join("docs/benchmarks.md");
        let failed = |error| format!("{}: {error}", path.display());
        let mut page = Document(fs::read_to_string(&path).map_err(failed)?);
        change(&mut page).map_err(|sentence| format!("{}: {sentence}", path.display()))?;
        fs::write(&path, page.0).map_err(failed)
    }

    /// Puts a part's tables between its marks.
    pub(super) fn replace_part(&mut self, part: &str, tables: &str) -> Result<()> {
        let content = format!("\n{}\n\n{}\n\n", machine("bench")?, tables.trim_end());
        self.replace((&format!("<!-- measured: {part} -->\n"), &format!("<!-- end: {part} -->")), &content)
    }

    /// Adds a row to the table of this kind of machine, or begins one.
    pub(super) fn append_record(&mut self, kind: &str, heading: &str, row: &str) -> Result<()> {
        let (start, end) = RECORDS;
        let from = self.0.find(start).map(|place| place + start.len());
        let all = from.and_then(|from| Some(&self.0[from..from + self.0[from..].find(end)?]));
        let all = all.ok_or_else(|| format!("it lacks the marks {start}and {end}"))?;
        let all = appended(all, kind, heading, row);
        self.replace(RECORDS, &all)
    }

    fn replace(&mut self, (start, end): (&str, &str), content: &str) -> Result<()> {
        let text = replace_between(&self.0, start, end, content);
        self.0 = text.ok_or_else(|| format!("it lacks the marks {start}and {end}"))?;
        Ok(())
    }
}

/// The records with one more, in the last table under `kind` that has this heading.
fn appended(records: &str, kind: &str, heading: &str, row: &str) -> String {
    let table = format!("### {kind}\n\n{heading}\n");
    let Some(start) = records.rfind(&table) else {
        return format!("\n{}\n\n{table}{row}\n\n", records.trim()).replacen("\n\n\n", "\n", 1);
    };
    let rows = start + table.len();
    let end = records[rows..].find("\n\n").map_or(records.len(), |end| rows + end + 1);
    format!("{}{row}\n{}", &records[..end], &records[end..])
}

/// Processor, date and compiler.
pub(crate) fn machine(task: &str) -> Result<String> {
    let rustc = output(program("rustc", &["--version"]))?;
    Ok(format!("Measured on {} by `cargo xtask {task}`: {}; {}.", date()?, kind(), rustc.trim()))
}

/// Today.
pub(super) fn date() -> Result<String> {
    Ok(output(program("date", &["-u", "+%Y-%m-%d"]))?.trim().to_owned())
}

/// The kind of machine: processor, cores, and what it multiplies with.
pub(super) fn kind() -> String {
    kind_of(&fs::read_to_string("/proc/cpuinfo").unwrap_or_default())
}

fn kind_of(info: &str) -> String {
    let field = |name: &str| {
        let line = info.lines().find(|line| line.split(':').next().map(str::trim) == Some(name));
        line.and_then(|line| line.split(": ").nth(1)).unwrap_or("unknown").to_owned()
    };
    let cores = info.lines().filter(|line| line.starts_with("processor")).count();
    let sets = [("avx512f", ", AVX-512"), ("amx_bf16", ", AMX")];
    let sets: String = sets.iter().filter(|(flag, _)| info.contains(flag)).map(|(_, name)| *name).collect();
    let (family, model) = (field("cpu family"), field("model"));
    format!("{}, family {family}, model {model}, {cores} cores{sets}", field("model name"))
}

pub(crate) fn replace_between(text: &str, start: &str, end: &str, content: &str) -> Option<String> {
    let from = text.find(start)? + start.len();
    let to = from + text[from..].find(end)?;
    Some(format!("{}{content}{}", &text[..from], &text[to..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_between_the_marks_is_replaced() {
        assert_eq!(replace_between("a[old]b", "[", "]", "new").unwrap(), "a[new]b");
        assert_eq!(replace_between("no marks", "[", "]", "new"), None);
    }

    #[test]
    fn each_kind_of_machine_has_its_own_table_and_rows_stand_in_order() {
        let mut page = Document("a\n<!-- records -->\n<!-- end of records -->\nz".into());
        for (kind, row) in [("A", "| 1 |"), ("B", "| 2 |"), ("A", "| 3 |"), ("B", "| 4 |")] {
            page.append_record(kind, "| n |\n| --- |", row).unwrap();
        }
        let tables = "### A\n\n| n |\n| --- |\n| 1 |\n| 3 |\n\n### B\n\n| n |\n| --- |\n| 2 |\n| 4 |\n";
        assert_eq!(page.0, format!("a\n<!-- records -->\n\n{tables}\n<!-- end of records -->\nz"));
        page.append_record("A", "| n | m |\n| --- | --- |", "| 5 | 6 |").unwrap();
        assert!(page.0.contains("| 3 |\n\n### B"), "a table with other columns is left alone: {}", page.0);
        assert!(page.0.contains("### A\n\n| n | m |\n| --- | --- |\n| 5 | 6 |\n\n<!--"), "{}", page.0);
    }

    #[test]
    fn marks_that_are_missing_are_named() {
        let error = Document("nothing".into()).append_record("A", "| n |", "| 1 |").unwrap_err();
        assert!(error.contains("<!-- records -->"), "{error}");
    }

    #[test]
    fn a_kind_of_machine_names_what_its_figures_depend_on() {
        let core = "processor\t: 0\nmodel name\t: Some CPU\ncpu family\t: 6\nmodel\t\t: 143\nflags\t: avx512f amx_bf16\n";
        assert_eq!(kind_of(&core.repeat(2)), "Some CPU, family 6, model 143, 2 cores, AVX-512, AMX");
        assert_eq!(kind_of(""), "unknown, family unknown, model unknown, 0 cores");
    }
}
