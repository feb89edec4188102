//! The split: a matter of a row's cells and the seed, and of nothing else.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::{raw, read, values};
use crate::*;

fn rows(count: usize) -> Vec<String> {
    (0..count).map(|row| format!("{},{},c{}", (row * 7919) % 1000, row as f64 / 8.0, row % 2)).collect()
}

fn dealt(rows: &[String], options: &LoadOptions) -> Dataset {
    read(&format!("a,b,y\n{}\n", rows.join("\n")), options).unwrap()
}

/// The rows of a part, by the second column, which differs in each.
fn part(split: &Subset) -> BTreeSet<u32> {
    values(split).iter().skip(1).step_by(2).map(|value| value.to_bits()).collect()
}

fn options() -> LoadOptions {
    LoadOptions { test_fraction: 0.2, ..raw() }
}

#[test]
fn the_split_is_the_one_that_is_written_down() {
    // From Python, by the definition in the documentation:
    //   h = sha256(b"".join(cell + b"\0" for cell in cells)).digest()[:8]
    //   place = int.from_bytes(sha256(struct.pack("<Q", 42) + h).digest()[:8], "little") >> 11
    //   is_test = place / 2**53 < 0.5
    let rows: Vec<String> = (0..10).map(|row| format!("{row},{},x{}", row * row, row % 3)).collect();
    let table = dealt(&rows, &LoadOptions { test_fraction: 0.5, ..raw() });
    let facts = table.table_rows.unwrap();
    assert_eq!(facts.test.numbers, [0, 2, 7, 8, 9]);
    let first = if facts.train.numbers[0] == 0 { facts.train.hashes[0] } else { facts.test.hashes[0] };
    assert_eq!(first, 15_345_079_789_311_739_341);
}

#[test]
fn quotes_blanks_and_separators_change_no_side() {
    let plain = read("a,b,y\n1,2,x\n3,4,z\n5,6,x\n7,8,z\n", &raw()).unwrap().table_rows.unwrap();
    let other = read("a;b;y\n\"1\";2; x\n3 ;\"4\";z\n5;6;x\n7;8;z", &raw()).unwrap().table_rows.unwrap();
    assert_eq!(plain.train.hashes, other.train.hashes);
}

#[test]
fn the_share_is_near_the_fraction_and_told_where_it_is_not() {
    let table = dealt(&rows(2000), &options());
    assert!((360..440).contains(&table.test.len()), "{}", table.test.len());
    assert!(table.notes.is_empty(), "{:?}", table.notes);
    let few = LoadOptions { seed: 1, test_fraction: 0.5, ..raw() };
    let equal = read("a,y\n1,x\n1,x\n1,x\n1,x\n2,z\n2,z\n3,x\n", &few);
    match equal {
        Ok(table) => {
            let facts = table.table_rows.unwrap();
            assert!(facts.train.hashes.iter().all(|hash| !facts.test.hashes.contains(hash)));
        }
        Err(error) => assert!(matches!(error, Error::TableSplit { .. })),
    }
}

#[test]
fn an_empty_part_is_refused_with_the_remedy() {
    let message = read("a,y\n1,x\n", &options()).unwrap_err().to_string();
    let parts = ["no row of 1 fell to the test part", "no row of 1 fell to the train part"];
    assert!(parts.iter().any(|part| message.contains(part)), "{message}");
    assert!(message.ends_with("give another --seed or --test-fraction, or --test-fraction 0 for none"));
}

#[test]
fn which_columns_are_chosen_changes_no_side() {
    let mut fewer = options();
    fewer.table.drop = vec!["a".to_owned()];
    let [all, some] = [options(), fewer].map(|options| dealt(&rows(100), &options).table_rows.unwrap());
    assert_eq!((all.test.numbers, all.train.hashes), (some.test.numbers, some.train.hashes));
}

#[test]
fn earlier_versions_split_as_they_did() {
    let mut old = options();
    old.table = TableOptions::of_earlier_versions();
    let facts = dealt(&rows(10), &old).table_rows.unwrap();
    assert_eq!(facts.test.numbers, [7, 8]);
}

proptest! {
    #[test]
    fn no_row_changes_sides_when_others_come_go_or_move(
        count in 20_usize..120, seed: u64, extra in 1_usize..40, gone in 0_usize..20, reverse: bool,
    ) {
        let options = LoadOptions { seed, ..options() };
        let mut all = rows(count + extra);
        let text = |rows: &[String]| format!("a,b,y\n{}\n", rows.join("\n"));
        let Ok(before) = read(&text(&all[..count]), &options) else { return Ok(()) };
        all.drain(..gone);
        all.sort();
        if reverse {
            all.reverse();
        }
        let Ok(after) = read(&text(&all), &options) else { return Ok(()) };
        prop_assert!(part(&before.train).is_disjoint(&part(&after.test)));
        prop_assert!(part(&before.test).is_disjoint(&part(&after.train)));
    }
}

#[test]
fn the_validation_part_is_dealt_by_hash_and_leaves_no_trace_in_the_statistics() {
    let all = rows(2000);
    let with = LoadOptions { validation_fraction: 0.25, normalize: Normalize::Dataset, ..options() };
    let without = LoadOptions { validation_fraction: 0.0, ..with.clone() };
    let (with, without) = (dealt(&all, &with), dealt(&all, &without));
    let (facts, whole) = (with.table_rows.as_ref().unwrap(), without.table_rows.as_ref().unwrap());
    assert_eq!(facts.test.numbers, whole.test.numbers, "the test part is not touched");
    let mut joined = [facts.train.numbers.clone(), facts.validation.numbers.clone()].concat();
    joined.sort_unstable();
    assert_eq!(joined, whole.train.numbers);
    let share = facts.validation.numbers.len() as f64 / joined.len() as f64;
    assert!((0.2..0.3).contains(&share), "{share}");
    let column = |row: &u32| f64::from(*row) / 8.0;
    let mean = facts.train.numbers.iter().map(column).sum::<f64>() / facts.train.numbers.len() as f64;
    let schema = with.table.unwrap();
    assert!((schema.mean[1] - mean).abs() <= 1e-12 * mean, "{} for {mean}", schema.mean[1]);
    assert_ne!(schema.mean, without.table.unwrap().mean);

    let few = LoadOptions { validation_fraction: 0.999, test_fraction: 0.0, ..raw() };
    let error = read("a,y\n1,x\n2,y\n", &few).unwrap_err().to_string();
    assert!(
        error.contains("no row of 2 fell to the train part") && error.contains("--validation-fraction"),
        "{error}"
    );
}
