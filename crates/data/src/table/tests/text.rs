//! Encodings, separators, quotes: the same numbers, however they are written.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::{file, raw, read, refusal, values};
use crate::table::load;
use crate::*;

fn table(bytes: impl AsRef<[u8]>) -> Dataset {
    load(file(bytes).path(), &raw(), None).unwrap()
}

fn with(change: impl FnOnce(&mut TableOptions)) -> LoadOptions {
    let mut options = raw();
    change(&mut options.table);
    options
}

#[test]
fn separators_and_decimal_commas_are_recognised_or_given() {
    for (text, numbers) in [
        ("a;b;y\n7,4;3,51;x\n7,8;3,2;z\n", [7.4, 3.51, 7.8, 3.2]),
        ("a\tb\ty\n1\t2\tx\n3\t4\tz\n", [1.0, 2.0, 3.0, 4.0]),
        ("a|b|y\n1|2.5|x, or so\n3|4|z\n", [1.0, 2.5, 3.0, 4.0]),
        ("a,b,y\n\"1,5\",2,x; yes\n3,4,z; no\n", [1.5, 2.0, 3.0, 4.0]),
        ("\"a;1\",b,y\n1,2,x\n3,4,z\n", [1.0, 2.0, 3.0, 4.0]),
    ] {
        assert_eq!(values(&table(text).train), numbers, "{text}");
    }
    let given =
        with(|table| (table.separator, table.decimal) = (Some(Separator::Semicolon), Some(Decimal::Comma)));
    assert_eq!(values(&read("a;y\n1,234;x\n2;z\n", &given).unwrap().train), [1.234, 2.0]);
}

#[test]
fn a_comma_that_may_separate_thousands_is_not_guessed() {
    let message = refusal("a;y\n1,234;x\n2,500;z\n", &raw());
    assert!(
        message.starts_with("found \"1,234\", whose comma may separate decimals or thousands"),
        "{message}"
    );
}

#[test]
fn encodings_are_recognised_and_guesses_are_said() {
    let words = |table: &Dataset| (table.classes.clone(), table.notes.join("\n"));
    let utf16 = |text: &str, little: bool| -> Vec<u8> {
        text.encode_utf16()
            .flat_map(|unit| if little { unit.to_le_bytes() } else { unit.to_be_bytes() })
            .collect()
    };
    let text = "größe,art\n1,süß\n2,kühl\n";
    let expected = vec!["kühl".to_owned(), "süß".to_owned()];
    for little in [true, false] {
        assert_eq!(
            words(&table(utf16(&format!("\u{feff}{text}"), little))),
            (expected.clone(), String::new())
        );
        let (classes, notes) = words(&table(utf16(text, little)));
        assert!(classes == expected && notes.contains("UTF-16"), "{notes}");
    }
    let latin: Vec<u8> = text.chars().map(|letter| u8::try_from(u32::from(letter)).unwrap()).collect();
    let (classes, notes) = words(&table(&latin));
    assert_eq!(classes, expected);
    assert!(notes.contains("was read as windows-1252, which is a guess; --encoding windows-1252"), "{notes}");
    // 长度,种类: length, kind; 猫, 狗: cat, dog.
    let gbk = b"\xb3\xa4\xb6\xc8,\xd6\xd6\xc0\xe0\n1,\xc3\xa8\n2,\xb9\xb7\n";
    let chinese = table(gbk);
    assert_eq!(chinese.classes, ["狗", "猫"]);
    assert!(chinese.notes[0].contains("was read as GBK"), "{:?}", chinese.notes);
    let named = with(|table| table.encoding = Some("gbk".to_owned()));
    assert_eq!(load(file(gbk).path(), &named, None).unwrap().notes, [""; 0]);
    let unknown = with(|table| table.encoding = Some("klingon".to_owned()));
    assert!(
        load(file(gbk).path(), &unknown, None)
            .unwrap_err()
            .to_string()
            .starts_with("unknown encoding `klingon`")
    );
}

#[test]
fn other_bytes_after_a_piece_of_ascii_are_decoded_from_there_on() {
    let mut bytes = b"a,y\n".to_vec();
    (0..40_000).for_each(|row| bytes.extend(format!("{row},x\n").into_bytes()));
    bytes.extend(b"1,caf\xe9\n");
    assert_eq!(table(&bytes).classes, ["café", "x"]);
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::default());
    packed.write_all(bytes).unwrap();
    packed.finish().unwrap()
}

#[test]
fn gzip_is_recognised_by_its_bytes() {
    assert_eq!(values(&table(gzip(b"a,y\n1,x\n2,z\n")).train), [1.0, 2.0]);
    let cut = refusal(b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\x4b", &raw());
    assert!(cut.starts_with("cannot be read: "), "{cut}");
}

#[test]
fn stray_quotes_are_reported_where_they_open() {
    let cases = [
        ("a,b,y\n1,2,x\n3,\"4,x\n5,6,z\n", "line 3: the quote that opens cell 2 never closes"),
        (
            "a,b,y\n1,\"2,x\n3,4,z\n5,\"6\",x\n",
            "line 2: the quote that opens cell 2 closes within the cell, in line 4; a quote inside a quoted cell is written \
             twice, and a stray one must go",
        ),
        (
            "a,b,y\n1,\"2,x\n3,4,z\n5,6\",x\n",
            "line 2: the quote that opens cell 2 swallows 3 lines, each of which is a row by itself",
        ),
        (
            "a,y\n1,\"he said \\\"no\\\"\"\n",
            "line 2: the quote that opens cell 2 closes within the cell, in line 2; a quote inside a quoted cell is written \
             twice, and a stray one must go",
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(refusal(text, &raw()), expected);
    }
    let long = format!("a,y\n1,\"x\n{}", "2,z\n".repeat(2 << 20));
    assert_eq!(refusal(long, &raw()), "line 2: the quote that opens cell 2 never closes");
    let valid = "a,y\n1,\"two\nlines\"\n2, \"a \"\"quoted\"\" word\" \n3,5\" wide\n";
    assert_eq!(table(valid).classes, ["5\" wide", "a \"quoted\" word", "two\nlines"]);
}

#[test]
fn compressed_bombs_are_refused() {
    let mut packed = GzEncoder::new(Vec::new(), Compression::best());
    packed.write_all(b"a,y\n").unwrap();
    let rows = format!("1,{}\n", "x".repeat(1 << 20));
    (0..100).for_each(|_| packed.write_all(rows.as_bytes()).unwrap());
    let message = refusal(packed.finish().unwrap(), &raw());
    assert!(message.ends_with("expected at most 300 bytes for each compressed one, found more"), "{message}");
}

#[test]
fn a_line_that_tells_excel_the_separator_is_none_of_the_table() {
    let table = read("sep=;\na;b;y\n1,5;2;x\n2,5;4;z\n", &raw()).unwrap();
    assert_eq!(table.table.unwrap().features, ["a", "b"]);
    let refused = refusal("sep=,\r\na,b,y\r\n1,2,x\r\n1,oops,z\r\n", &LoadOptions::default());
    assert!(refused.starts_with("line 4, column `b`"), "{refused}");
}

#[test]
fn texts_that_stand_for_numbers_are_told() {
    for cell in ["12%", "$5", "1 234", "2024-01-31", "0x1F"] {
        let table = read(&format!("a,b,y\n{cell},1,x\n{cell},2,z\n"), &raw()).unwrap();
        let told = format!("the column `a` is text, such as `{cell}`, and not a number of some size");
        assert!(table.notes.iter().any(|note| note.contains(&told)), "{:?}", table.notes);
    }
    let names = read("a,b,y\nred,1,x\nA4,2,z\n", &raw()).unwrap();
    assert!(names.notes.iter().all(|note| !note.contains("is text")), "{:?}", names.notes);
    let rows: String = (1..=28).map(|day| format!("2024-02-{day:02},{day},{}\n", day % 2)).collect();
    let refused = refusal(format!("day,a,y\n{rows}"), &raw());
    assert!(refused.contains("dates and times as one number"), "{refused}");
}

#[test]
fn a_gzip_file_within_a_gzip_file_is_named() {
    let twice = gzip(&gzip(b"a,b,y\n1,2,x\n"));
    assert!(refusal(twice, &LoadOptions::default()).contains("a gzip file within the gzip file"));
}
