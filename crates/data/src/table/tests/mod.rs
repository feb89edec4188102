mod columns;
mod split;
mod text;

use std::io::Write;
use std::path::Path;

use proptest::prelude::*;
use tempfile::NamedTempFile;

use super::load;
use crate::*;

fn file(text: impl AsRef<[u8]>) -> NamedTempFile {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(text.as_ref()).unwrap();
    file
}

fn raw() -> LoadOptions {
    LoadOptions { normalize: Normalize::None, test_fraction: 0.0, ..LoadOptions::default() }
}

fn read(text: &str, options: &LoadOptions) -> Result<Dataset> {
    load(file(text).path(), options, None)
}

/// The message without the file name.
fn refusal(text: impl AsRef<[u8]>, options: &LoadOptions) -> String {
    let file = file(text);
    let message = load(file.path(), options, None).unwrap_err().to_string();
    let named = format!("{}: ", file.path().display());
    message
        .strip_prefix(&named)
        .unwrap_or_else(|| panic!("the message does not name the file: {message}"))
        .to_owned()
}

fn values(split: &Subset) -> &[f32] {
    let Samples::F32(values) = &split.samples else { panic!("tables are f32") };
    values
}

const TOY: &str = "x1,x2,y\n1,2,3\n3,4,7\n5,6,11\n7,8,15\n";

#[test]
fn a_regression_table_is_read_unchanged() {
    let toy = read(TOY, &LoadOptions { task: TargetKind::Regression, ..raw() }).unwrap();
    assert_eq!(values(&toy.train), [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]);
    assert_eq!(toy.train.targets, Targets::Values(vec![3.0, 7.0, 11.0, 15.0]));
    assert_eq!((toy.sample_shape, toy.test.len(), toy.classes.len()), (vec![2], 0, 0));
    let schema = toy.table.unwrap();
    assert_eq!((schema.features, schema.label.as_str()), (vec!["x1".to_owned(), "x2".to_owned()], "y"));
    assert_eq!((schema.mean, schema.std), (vec![0.0; 2], vec![1.0; 2]));
}

#[test]
fn the_target_has_statistics_of_the_training_part_and_stays_as_the_file_has_it() {
    let text = "a,y\n1,1700000000001\n2,1700000000003\n3,1700000000005\n";
    let options = |normalize| LoadOptions { task: TargetKind::Regression, normalize, ..raw() };
    for (normalize, standardized) in
        [(Normalize::Dataset, true), (Normalize::Half, true), (Normalize::None, false)]
    {
        let table = read(text, &options(normalize)).unwrap();
        let times = [1, 3, 5].map(|ms| 1.7e12 + f64::from(ms));
        assert_eq!(table.train.targets, Targets::Values(times.to_vec()));
        let target = table.table.unwrap().target.unwrap();
        assert_eq!((target.mean, target.std), (1_700_000_000_003.0, (8.0_f64 / 3.0).sqrt()));
        assert_eq!(target.standardized, standardized);
    }
    let mut unscaled = options(Normalize::Dataset);
    unscaled.table.target_scale = TargetScaling::None;
    assert!(!read(text, &unscaled).unwrap().table.unwrap().target.unwrap().standardized);
    let classes = LoadOptions { task: TargetKind::Classification, ..options(Normalize::Dataset) };
    assert_eq!(read(text, &classes).unwrap().table.unwrap().target, None);
}

#[test]
fn test_rows_have_no_part_in_any_statistics() {
    let options = LoadOptions {
        task: TargetKind::Regression,
        normalize: Normalize::Dataset,
        test_fraction: 0.4,
        ..LoadOptions::default()
    };
    let text: String = (0..200).map(|row| format!("{},{}\n", row % 97, 1000 + row * row)).collect();
    let table = read(&format!("a,y\n{text}"), &options).unwrap();
    let (Targets::Values(train), schema) = (&table.train.targets, table.table.unwrap()) else { panic!() };
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let features: Vec<f64> =
        table.table_rows.unwrap().train.numbers.iter().map(|&row| f64::from(row % 97)).collect();
    assert!((schema.mean[0] - mean(&features)).abs() < 1e-12 * mean(&features));
    assert!((schema.target.unwrap().mean - mean(train)).abs() < 1e-12 * mean(train));
    assert!(!table.test.is_empty());
}

#[test]
fn a_target_too_far_from_those_learnt_from_is_refused_by_name() {
    let schema = TableSchema {
        features: vec!["a".to_owned()],
        label: "y".to_owned(),
        mean: vec![0.0],
        std: vec![1.0],
        target: Some(TargetStatistics { mean: 0.0, std: 1e-30, standardized: true }),
        ..TableSchema::default()
    };
    let options = LoadOptions { task: TargetKind::Regression, schema: Some(schema), ..raw() };
    let message = refusal("a,y\n1,0\n2,1e20\n", &options);
    assert!(message.starts_with("column `y`: the number 100000000000000000000 lies too far"), "{message}");
}

#[test]
fn classes_are_sorted_by_value_if_numbers_else_by_name() {
    let numbers = read("a,label\n0,10\n0,2\n0,-1\n0,10\n", &raw()).unwrap();
    assert_eq!(numbers.classes, ["-1", "2", "10"]);
    assert_eq!(numbers.train.targets, Targets::Classes(vec![2, 1, 0, 2]));
    let names = read("a,label\n0,setosa\n0,\"versi, color\"\n0,10\n", &raw()).unwrap();
    assert_eq!(names.classes, ["10", "setosa", "versi, color"]);
    assert_eq!(names.train.targets, Targets::Classes(vec![1, 2, 0]));
}

#[test]
fn any_column_can_be_the_label() {
    let options = LoadOptions { label: Some("kind".to_owned()), ..raw() };
    let table = read("a,kind,b\n1,x,2\n3,y,4\n", &options).unwrap();
    assert_eq!(table.train.sample(1), Some(Sample::F32(&[3.0, 4.0])));
    assert_eq!(table.train.target(1), Some(Target::Class(1)));
}

#[test]
fn bom_carriage_returns_quotes_spaces_and_a_missing_final_newline_are_accepted() {
    let table = read("\u{feff}\"a\" , b,kind\r\n 1,\"2\" ,x\r\n3,4,y", &raw()).unwrap();
    assert_eq!(table.table.unwrap().features, ["a", "b"]);
    assert_eq!(values(&table.train), [1.0, 2.0, 3.0, 4.0]);
    assert_eq!(table.classes, ["x", "y"]);
}

#[test]
fn features_are_standardised_with_the_statistics_of_the_training_part() {
    let rows: String = (0..40).map(|row| format!("{row},{},{}\n", 1000 - row * row, row % 2)).collect();
    let text = format!("a,b,label\n{rows}");
    let options = LoadOptions { test_fraction: 0.25, ..raw() };
    let raw_table = read(&text, &options).unwrap();
    let table = read(&text, &LoadOptions { normalize: Normalize::Dataset, ..options }).unwrap();
    let (train, test) = (table.train.len(), table.test.len());
    assert!(train + test == 40 && test > 0, "{train} and {test}");
    let schema = table.table.unwrap();
    for column in 0..2 {
        let values: Vec<f32> = values(&table.train).iter().skip(column).step_by(2).copied().collect();
        assert!(values.iter().sum::<f32>().abs() < 1e-4);
        assert!((values.iter().map(|x| x * x).sum::<f32>() / train as f32 - 1.0).abs() < 1e-4);
    }
    let mut expected = values(&raw_table.test).to_vec();
    schema.standardize(&mut expected);
    assert_eq!(values(&table.test), expected);
}

#[test]
fn another_table_is_read_by_the_schema_of_a_model() {
    let train =
        read("a,b,kind\n0,10,x\n4,30,y\n", &LoadOptions { normalize: Normalize::Dataset, ..raw() }).unwrap();
    let options = LoadOptions { schema: train.table, ..raw() };
    let other = read("kind,unused,b,a\ny,hello,20,2\n", &options).unwrap();
    assert_eq!(values(&other.train), [0.0, 0.0]); // the mean of the first table
    assert_eq!(other.train.target(0), Some(Target::Class(1)));
    assert_eq!(other.classes, ["x", "y"]);
    assert_eq!(
        refusal("a,b,kind\n1,2,z\n", &options),
        "line 2, column `kind`: expected one of the model's 2 classes (x, y), found \"z\""
    );
    assert_eq!(refusal("kind,a\nx,1\n", &options), "there is no column `b`; the columns are `kind`, `a`");
}

#[test]
fn a_schema_with_missing_statistics_is_refused() {
    let mut schema = read("a,b,kind\n0,10,x\n4,30,y\n", &raw()).unwrap().table.unwrap();
    schema.std.pop();
    let error = read("a,b,kind\n0,10,x\n", &LoadOptions { schema: Some(schema), ..raw() }).unwrap_err();
    assert_eq!(
        error.to_string(),
        "2 features need as many means and deviations, found 2 and 1: the model is damaged"
    );
}

#[test]
fn a_part_loaded_alone_equals_that_of_the_whole_table() {
    let file = file(TOY);
    let options = LoadOptions { test_fraction: 0.5, task: TargetKind::Regression, seed: 1, ..raw() };
    let name = DatasetName::Csv(file.path().to_path_buf());
    let whole = load(file.path(), &options, None).unwrap();
    let train = load_split(&name, &options, Split::Train).unwrap();
    let test = load_split(&name, &options, Split::Test).unwrap();
    assert_eq!((train.train, train.test.len()), (whole.train, 0));
    assert_eq!((test.test, test.train.len()), (whole.test, 0));
}

#[test]
fn readable_but_suspicious_tables_get_a_note() {
    let note = |text, options| read(text, &options).unwrap().notes.join("\n");
    assert!(note("1,2,3\n4,5,6\n7,8,9\n", raw()).contains("line 1 looks like data"));
    assert!(note("a,b\n1,x\n2,x\n", raw()).contains("every row has the label `x` in the column `b`"));
    let half = LoadOptions { normalize: Normalize::Half, ..raw() };
    assert!(note("a,b\n1,x\n2,y\n", half).contains("meant for images"));
    assert_eq!(note("a,b\n1,x\n2,y\n", raw()), "");
}

#[test]
fn classes_that_look_like_quantities_are_noted() {
    let note = |labels: &[&str], task| {
        let rows: String = labels.iter().map(|label| format!("1,{label}\n")).collect();
        read(&format!("a,y\n{rows}"), &LoadOptions { task, ..raw() }).unwrap().notes.join("\n")
    };
    let remedy = "in the column `y`: to predict numbers, use --loss mse";
    for (labels, sign) in [
        (&["3", "7", "11", "15"][..], "every label is a different number"),
        (&["1", "2", "3", "4", "5", "6", "7", "8", "9", "9"], "nearly every label is a different number"),
        (&["1", "2.5", "1", "2.5"], "some labels are not whole numbers, such as 2.5,"),
    ] {
        let text = note(labels, TargetKind::Classification);
        assert!(text.ends_with(&format!(": {sign} {remedy}")), "{text}");
        assert_eq!(note(labels, TargetKind::Regression), "");
    }
    for classes in [&["0", "1", "1", "0"][..], &["0", "1", "2"], &["1", "2", "3", "4", "other"]] {
        assert_eq!(note(classes, TargetKind::Classification), "");
    }
}

#[test]
fn malformed_cells_and_rows_are_reported_by_line_and_column() {
    let regression = LoadOptions { task: TargetKind::Regression, ..raw() };
    let cases = [
        ("a,b\n1,x\noops,y\n", "line 3, column `a`: expected a number, as in line 2, found \"oops\""),
        ("a,b\noops,x\n2,y\n", "line 2, column `a`: expected a number, as in line 3, found \"oops\""),
        ("a,b\n-inf,x\n", "line 2, column `a`: expected a number between -3.4e38 and 3.4e38, found \"-inf\""),
        ("a,b\n1e39,x\n", "line 2, column `a`: expected a number between -3.4e38 and 3.4e38, found \"1e39\""),
        ("a,b\n1,x\n\n1,2,3\n", "line 4: expected 2 cells, as in the header, found 3"),
        (
            "a,b\r\n1,x\r\n\r\noops,y\r\n",
            "line 4, column `a`: expected a number, as in line 2, found \"oops\"",
        ),
        ("a,b\n1,\"x\ny\"\noops,y", "line 4, column `a`: expected a number, as in line 2, found \"oops\""),
        ("a,b\r1,x\roops,y", "line 3, column `a`: expected a number, as in line 2, found \"oops\""),
        ("a,b,c\n1,2\n", "line 2: expected 3 cells, as in the header, found 2"),
    ];
    for (text, expected) in cases {
        assert_eq!(refusal(text, &raw()), expected);
    }
    assert_eq!(refusal("a,b\n1,x\n", &regression), "line 2, column `b`: expected a number, found \"x\"");
}

#[test]
fn malformed_headers_are_explained() {
    let cases = [
        ("", "expected a header row with column names, found an empty file"),
        ("a,b\n", "expected rows of data after the header, found none"),
        (
            "a\n1\n",
            "line 1, column 1: expected at least two columns, features and a label, separated by , ; | or tabs, found \
             only `a`; the first line must have the names of the columns",
        ),
        ("a,b,a\n1,2,3\n", "line 1, column 3: column 1 has the same name `a`; column names must differ"),
        (
            "5,0,0,1\n4,0,0,2\n",
            "line 1, column 3: column 2 has the same name `0`; column names must differ (if line 1 is data, say so with \
             --no-header)",
        ),
        (
            "a,,b\n0,,2\n1,x,3\n",
            "line 1, column 2: expected a name for the column, which has \"x\" in line 3, found none",
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(refusal(text, &raw()), expected);
    }
}

#[test]
fn an_unknown_label_column_lists_the_existing_ones() {
    let options = LoadOptions { label: Some("specis".to_owned()), ..raw() };
    assert_eq!(
        refusal("length,width,species\n1,2,x\n", &options),
        "there is no column `specis`; the columns are `length`, `width`, `species`; did you mean `species`?"
    );
    let many: Vec<String> = (0..20).map(|column| format!("c{column}")).collect();
    assert!(refusal(many.join(","), &options).ends_with("`c11` and 8 more"));
}

#[test]
fn binary_missing_and_irregular_files_are_refused() {
    let words = b"caf\xc3\xa9,b\n1,\xff\xfe\n";
    assert_eq!(
        refusal(words, &raw()),
        "line 2: expected UTF-8 text, found other bytes; --encoding names another encoding"
    );
    assert_eq!(refusal(b"a,b\n1,\0\n", &raw()), "line 2: expected a table as text, found a NUL byte");
    let workbook = refusal(b"PK\x03\x04....", &raw());
    assert_eq!(
        workbook,
        "line 1: expected a table as text, found a ZIP archive (an Excel workbook? save it as CSV)"
    );
    let missing = load(Path::new("no/such.csv"), &raw(), None).unwrap_err().to_string();
    assert!(missing.starts_with("no/such.csv: cannot be opened: "), "{missing}");
    let folder = tempfile::tempdir().unwrap();
    let message = load(folder.path(), &raw(), None).unwrap_err().to_string();
    assert!(message.ends_with("cannot be opened: expected a file, found a folder"), "{message}");
}

#[test]
#[cfg(unix)]
fn a_pipe_is_read_once_with_the_right_lines() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let read = |text: &'static str| {
        let path = pipe.clone();
        let writer = std::thread::spawn(move || std::fs::write(path, text).unwrap());
        let table = load(&pipe, &raw(), None);
        writer.join().unwrap();
        table
    };
    assert_eq!(values(&read("a,b\n1,x\n2,y\n").unwrap().train), [1.0, 2.0]);
    let message = read("a,b\r\n1,x\r\n\r\nbad,y\r\n").unwrap_err().to_string();
    assert!(
        message.ends_with("line 4, column `a`: expected a number, as in line 2, found \"bad\""),
        "{message}"
    );
}

#[test]
fn a_row_without_end_is_refused_at_the_limit() {
    for (start, line) in [("", 1), ("a,b\n1,x\n\n2,", 4)] {
        let message = refusal(format!("{start}{}", "x".repeat(9 << 20)), &raw());
        assert_eq!(message, format!("line {line}: expected rows of at most 4 MiB, found a longer one"));
    }
    let long = format!("a,b\n1,{}\n2,y\n", "x".repeat(4_000_000));
    assert_eq!(read(&long, &raw()).unwrap().train.len(), 2);
}

#[test]
fn more_columns_than_allowed_are_refused_before_they_are_named() {
    let header = ",".repeat(100_000);
    assert_eq!(
        refusal(&header, &raw()),
        "line 1, column 100001: expected at most 100000 columns, found 100001"
    );
}

#[test]
fn long_names_and_cells_are_shortened_in_messages() {
    let long = "x".repeat(70_000);
    let shown = format!("{}…", "x".repeat(60));
    assert_eq!(
        refusal(format!("{long},y\n1,a\n{long},b\n"), &raw()),
        format!("line 3, column `{shown}`: expected a number, as in line 2, found \"{shown}\"")
    );
    let unknown = LoadOptions { label: Some("z".to_owned()), ..raw() };
    assert_eq!(
        refusal(format!("{long},y\n1,2\n"), &unknown),
        format!("there is no column `z`; the columns are `{shown}`, `y`")
    );
    let table = read(&format!("a,{long}\n1,{long}\n"), &raw()).unwrap();
    assert!(
        table.notes[0].contains(&format!("the label `{shown}` in the column `{shown}`")),
        "{:?}",
        table.notes
    );
    assert_eq!(table.classes, [long]);
}

#[test]
fn as_many_classes_are_read_as_16_bits_number() {
    let rows = |count: usize| -> String { (0..count).map(|label| format!("0,c{label:05}\n")).collect() };
    let table = |classes: usize, times: usize| format!("a,label\n{}", rows(classes).repeat(times));
    for classes in [256, 257, 1000, 65_536] {
        let full = read(&table(classes, 2), &raw()).unwrap();
        assert_eq!(full.classes.len(), classes);
        assert_eq!(full.train.target(classes - 1), Some(Target::Class((classes - 1) as u16)));
    }
    assert_eq!(
        refusal(table(65_537, 1), &raw()),
        "line 65538, column `label`: expected at most 65,536 different labels, found another one, \"c65536\"; is this the \
         label column, or a number to be predicted by regression (--loss mse)?"
    );
}

#[test]
fn many_labels_that_hardly_repeat_or_are_quantities_are_no_classes() {
    let table = |label: &dyn Fn(usize) -> String, rows: usize| -> String {
        let rows: String = (0..rows).map(|row| format!("0,{}\n", label(row))).collect();
        format!("a,label\n{rows}")
    };
    let names = |row: usize| format!("n{row}");
    let numbers = |row: usize| (row % 300).to_string();
    let fractions = |row: usize| format!("{}.5", row % 300);
    let named = refusal(table(&names, 257), &raw());
    assert!(
        named.ends_with(
            "has 257 different labels in 257 rows, too many to be classes; --label names another column"
        ),
        "{named}"
    );
    let quantities = refusal(table(&fractions, 3000), &raw());
    assert!(
        quantities.ends_with("--label names another column, and --loss mse predicts numbers"),
        "{quantities}"
    );
    let few = read(&table(&names, 256), &raw()).unwrap();
    assert_eq!(few.classes.len(), 256, "one example of each class is a table, too");
    let many = read(&table(&numbers, 3000), &raw()).unwrap();
    let note =
        "the 300 different numbers in the column `label` are classes: to predict numbers, use --loss mse";
    assert!(many.notes.iter().any(|found| found.ends_with(note)), "{:?}", many.notes);
}

#[test]
fn an_invalid_test_fraction_is_refused() {
    for fraction in [-0.1, 1.0, f64::NAN, f64::INFINITY] {
        let options = LoadOptions { test_fraction: fraction, ..raw() };
        assert!(matches!(read(TOY, &options), Err(Error::TestFraction { .. })), "{fraction}");
    }
}

proptest! {
    #[test]
    fn every_row_is_in_one_part_in_file_order(
        rows in 1_usize..200, fraction in 0.0..0.999_f64, seed: u64, permuted: bool,
    ) {
        let text: String = (0..rows).map(|row| format!("{row},{row}\n")).collect();
        let mut options = LoadOptions { test_fraction: fraction, seed, task: TargetKind::Regression, ..raw() };
        if permuted {
            options.table = TableOptions::of_earlier_versions();
        }
        let table = match read(&format!("a,b\n{text}"), &options) {
            Err(Error::TableSplit { .. }) if !permuted => return Ok(()),
            other => other.unwrap(),
        };
        let (train, test) = (values(&table.train), values(&table.test));
        prop_assert!(!train.is_empty());
        prop_assert_eq!(test.is_empty(), fraction == 0.0 || rows == 1);
        prop_assert!(train.is_sorted() && test.is_sorted());
        let mut all = [train, test].concat();
        all.sort_by(f32::total_cmp);
        prop_assert!(all.iter().enumerate().all(|(row, &value)| value == row as f32) && all.len() == rows);
        let targets = train.iter().copied().map(f64::from).collect();
        prop_assert_eq!(&table.train.targets, &Targets::Values(targets));
        let facts = table.table_rows.unwrap();
        prop_assert!(facts.train.numbers.iter().zip(train).all(|(&number, &value)| number as f32 == value));
    }

    #[test]
    fn no_bytes_cause_a_panic(bytes: Vec<u8>, regression: bool) {
        let task = if regression { TargetKind::Regression } else { TargetKind::Classification };
        let _ = load(file(bytes).path(), &LoadOptions { task, ..raw() }, None);
    }

    #[test]
    fn no_text_causes_a_panic(text in "[a-c0-9,\"\n. -]{0,80}") {
        let _ = load(file(text).path(), &LoadOptions { test_fraction: 0.3, ..raw() }, None);
    }
}

#[test]
fn a_table_is_refused_as_soon_as_its_rows_need_more_memory_than_may_be_taken() {
    let rows = |count: usize| -> String {
        let rows = (0..count).map(|row| format!("{row}.5,{row}.25,k{}\n", row % 2));
        ["a,b,y\n".to_owned()].into_iter().chain(rows).collect()
    };
    let needed = |text: &str, memory: u64, options: LoadOptions| match read(
        text,
        &LoadOptions { memory: Some(memory), ..options },
    ) {
        Ok(_) => None,
        Err(Error::MemoryLimit { bytes, .. }) => Some(bytes),
        Err(error) => panic!("{error}"),
    };
    let first = needed(&rows(1), 0, raw()).unwrap();
    let bytes = (0..).map(|k| first << k).find(|&bytes| needed(&rows(500), bytes, raw()).is_none()).unwrap();
    // Two columns, samples of two numbers, and what is known of each row.
    assert!(bytes >= 500 * (2 * 4 + 2 * 4 + 30), "{bytes}");
    let wrong_at_its_end = rows(500) + "not,a,row,at,all\n";
    assert!(needed(&wrong_at_its_end, bytes / 4, raw()).is_some_and(|told| told > bytes / 4), "not read on");
    let texts = LoadOptions { keep_texts: true, ..raw() };
    assert!(needed(&rows(500), bytes, texts).is_some(), "texts that are kept count");
}

#[test]
fn inputs_that_a_column_of_text_becomes_count_before_they_are_made() {
    let text: String = (0..2000).map(|row| format!("word{},k{}\n", row % 50, row % 2)).collect();
    let text = format!("a,y\n{text}");
    let within = |memory| read(&text, &LoadOptions { memory: Some(memory), ..raw() });
    assert!(matches!(within(2000 * 50 * 4), Err(Error::MemoryLimit { bytes, .. }) if bytes > 2000 * 50 * 4));
    assert_eq!(within(2000 * 50 * 4 + 2000 * 60 + 50 * 200).unwrap().sample_shape, [50]);
}

#[test]
fn columns_count_before_they_have_rows() {
    let names: Vec<String> = (0..1000).map(|column| format!("c{column}")).collect();
    let text = names.join(",") + "\n"; // without rows, which would be the error
    let within = |memory| read(&text, &LoadOptions { memory: Some(memory), ..raw() }).unwrap_err();
    assert!(matches!(within(100_000), Error::MemoryLimit { bytes: 400_000, .. }));
    assert!(matches!(within(400_000), Error::TableWithoutRows { .. }));
}

#[test]
fn a_refused_table_says_what_all_of_it_would_take() {
    let rows = |count: usize| -> String {
        (0..count).fold("a,b,y\n".to_owned(), |text, row| format!("{text}{:06}.5,7,k{}\n", row, row % 2))
    };
    let needed = |text: &str, memory| match read(text, &LoadOptions { memory: Some(memory), ..raw() }) {
        Err(Error::MemoryLimit { bytes, .. }) => bytes as f64,
        other => panic!("{other:?}"),
    };
    let text = rows(40_000); // of which 64 KiB are read at a time
    let whole = needed(&text, 40_000 * 40);
    for memory in [300_000, 600_000] {
        let told = needed(&text, memory);
        assert!((told / whole - 1.0).abs() < 0.3, "{told} of {whole}");
    }
}
