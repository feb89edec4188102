//! What becomes of columns: numbers, words, categories, missing cells, indices.

use super::{file, raw, read, refusal, values};
use crate::table::load;
use crate::*;

fn with(change: impl FnOnce(&mut TableOptions)) -> LoadOptions {
    let mut options = raw();
    change(&mut options.table);
    options
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

#[test]
fn words_for_yes_and_no_are_1_and_0() {
    let table = read("a,red,ok,y\n5,True,no,x\n6,False,YES,z\n7,true,no,x\n", &raw()).unwrap();
    assert_eq!(values(&table.train), [5.0, 1.0, 0.0, 6.0, 0.0, 1.0, 7.0, 1.0, 0.0]);
    let schema = table.table.unwrap();
    assert_eq!(schema.kinds, [FeatureKind::Number, FeatureKind::Boolean, FeatureKind::Boolean]);
    // Another file may have only one of the words, or numbers.
    let options = LoadOptions { schema: Some(schema), ..raw() };
    assert_eq!(values(&read("y,ok,red,a\nx,1,False,2\n", &options).unwrap().train), [2.0, 0.0, 1.0]);
    assert_eq!(
        refusal("y,ok,red,a\nx,1,maybe,2\n", &options),
        "line 2, column `red`: expected true, false, yes or no, found \"maybe\""
    );
}

#[test]
fn columns_of_text_become_an_input_for_each_text() {
    let text = "a,colour,y\n1,red,x\n2,blue,z\n4,green,x\n1,red,z\n";
    let options = LoadOptions { normalize: Normalize::Dataset, ..raw() };
    let table = read(text, &options).unwrap();
    let said = &table.table_rows.as_ref().unwrap().remarks[0];
    assert!(
        said.ends_with("columns of text become one input for each of their texts: `colour` (3)"),
        "{said}"
    );
    let schema = table.table.clone().unwrap();
    assert_eq!(schema.kinds[1], FeatureKind::OneHot(names(&["blue", "green", "red"])));
    assert_eq!((schema.inputs(), &*table.sample_shape), (4, &[4][..]));
    // Numbers 1, 2, 4, 1 have mean 2 and variance 1.5; categories are not standardised.
    assert_eq!(&values(&table.train)[4..8], [0.0, 1.0, 0.0, 0.0]);
    assert_eq!(values(&table.train)[0], (-1.0 / 1.5_f64.sqrt()) as f32);
    assert_eq!(schema.sample(&["2", "green"]).unwrap(), [0.0, 0.0, 1.0, 0.0]);
    let unknown = schema.sample(&["2", "pink"]).unwrap_err().to_string();
    assert_eq!(unknown, "column `colour`: expected one of blue, green, red, found \"pink\"");
    let other =
        read("colour,a,y\npink,2,x\nblue,2,z\n", &LoadOptions { schema: Some(schema), ..raw() }).unwrap();
    assert_eq!(values(&other.train), [0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0]);
    assert!(
        other.notes[0].contains("the column `colour` has texts that the model has not learnt from (1 times"),
        "{:?}",
        other.notes
    );
}

#[test]
fn too_many_texts_are_refused_with_what_to_do() {
    let rows: String = (0..70).map(|row| format!("{row},n{row},x{}\n", row % 2)).collect();
    let text = format!("a,name,y\n{rows}");
    assert_eq!(
        refusal(&text, &raw()),
        "line 2, column `name`: found the text \"n0\", and the column has 70 different ones; leave out columns of text with \
         --drop, or take one input for each text with --one-hot 70"
    );
    let many = with(|table| table.one_hot = OneHot::AtMost(70));
    assert_eq!(read(&text, &many).unwrap().sample_shape, [71]);
    let none = with(|table| table.one_hot = OneHot::None);
    assert!(refusal("a,b,y\n1,u,x\n2,v,z\n", &none).starts_with("line 2, column `b`: found the text \"u\""));
    let dropped = with(|table| table.drop = names(&["name"]));
    assert_eq!(read(&text, &dropped).unwrap().table.unwrap().features, ["a"]);
}

#[test]
fn features_are_chosen_by_name_in_the_order_given() {
    let text = "a,b,c,y\n1,2,3,x\n4,5,6,z\n";
    let chosen = with(|table| table.features = names(&["c", "a"]));
    assert_eq!(values(&read(text, &chosen).unwrap().train), [3.0, 1.0, 6.0, 4.0]);
    let unknown = with(|table| table.drop = names(&["d"]));
    assert!(refusal(text, &unknown).starts_with("there is no column `d`"));
    let twice = with(|table| table.features = names(&["a", "a"]));
    assert!(refusal(text, &twice).starts_with("the column `a` cannot be a feature"));
    let label = with(|table| table.drop = names(&["y"]));
    assert!(refusal(text, &label).starts_with("the label column `y` cannot be left out"));
    let nothing = with(|table| table.drop = names(&["a", "b", "c"]));
    assert_eq!(refusal(text, &nothing), "no column is left to learn from");
}

#[test]
fn columns_that_only_number_the_rows_are_left_out_and_doubtful_ones_are_told() {
    let rows = |of: &dyn Fn(i64) -> String| (0..12).map(|row| format!("{}\n", of(row))).collect::<String>();
    let table = |header: &str, of: &dyn Fn(i64) -> String| {
        let table = read(&format!("{header}\n{}", rows(of)), &raw()).unwrap();
        (table.table.unwrap().features, table.notes.join("\n"))
    };
    for name in ["Id", "Unnamed: 0", "index", ""] {
        let (features, notes) = table(&format!("{name},a,y"), &|row| format!("{},0.5,{}", row + 1, row % 2));
        assert_eq!(features, ["a"], "{name}");
        assert!(notes.contains("numbers the rows and was left out"), "{notes}");
    }
    // Sorted by another column they are still consecutive.
    assert_eq!(table("id,a,y", &|row| format!("{},0.5,{}", (row * 5) % 12, row % 2)).0, ["a"]);
    let (features, notes) = table("customer_id,a,y", &|row| format!("{},0.5,{}", row * 17, row % 2));
    assert_eq!(features.len(), 2);
    assert!(notes.contains("`customer_id` is named like an index and differs in every row"), "{notes}");
    let (features, notes) = table("t,a,y", &|row| format!("{},0.5,{}", 1_700_000_000 + row, row % 2));
    assert_eq!(features.len(), 2);
    assert!(notes.contains("`t` holds consecutive whole numbers"), "{notes}");
    // The last feature stays.
    assert_eq!(table("id,y", &|row| format!("{row},{}", row % 2)).0, ["id"]);
    // So does one that was asked for.
    let chosen = with(|table| table.features = names(&["id", "a"]));
    let text = format!("id,a,y\n{}", rows(&|row| format!("{row},0.5,{}", row % 2)));
    assert_eq!(read(&text, &chosen).unwrap().table.unwrap().features, ["id", "a"]);
}

#[test]
fn missing_cells_are_counted_left_out_or_filled() {
    let text = "a,kind,b,y\n1,u,10,x\nNA,v,,z\n3,,30,x\n8,u,20,z\n";
    let error = refusal(text, &raw());
    let expected = "cells without a value in 4 rows: `a` (1), `kind` (1), `b` (1); leave such rows out with --missing drop";
    assert!(error.starts_with(expected), "{error}");
    let dropped = read(text, &with(|table| table.missing = Missing::Drop)).unwrap();
    assert_eq!(values(&dropped.train), [1.0, 1.0, 0.0, 10.0, 8.0, 1.0, 0.0, 20.0]);
    assert_eq!(dropped.table_rows.unwrap().left_out, [1, 2]);
    assert!(dropped.notes[0].ends_with("2 of 4 rows have a cell without a value and were left out"));
    let filled = read(text, &with(|table| table.missing = Missing::Mean)).unwrap();
    let rows: Vec<&[f32]> = values(&filled.train).chunks(4).collect();
    assert_eq!(
        rows,
        [[1.0, 1.0, 0.0, 10.0], [4.0, 0.0, 1.0, 20.0], [3.0, 0.0, 0.0, 30.0], [8.0, 1.0, 0.0, 20.0]]
    );
    let schema = filled.table.unwrap();
    assert_eq!(schema.fill, [4.0, 0.0, 20.0]);
    assert_eq!(schema.sample(&["", "", "?"]).unwrap(), [4.0, 0.0, 0.0, 20.0]);
    let other = read("y,a,kind,b\nx,,u,\n", &LoadOptions { schema: Some(schema), ..raw() }).unwrap();
    assert_eq!(values(&other.train), [4.0, 1.0, 0.0, 20.0]);
}

#[test]
fn the_mean_of_missing_cells_is_that_of_scikit_learn() {
    // make_pipeline(SimpleImputer(), StandardScaler()).fit(...) of scikit-learn 1.5: mean_ and scale_ of [1, nan, 3, 8].
    let options =
        LoadOptions { normalize: Normalize::Dataset, ..with(|table| table.missing = Missing::Mean) };
    let schema = read("a,y\n1,x\n,z\n3,x\n8,z\n", &options).unwrap().table.unwrap();
    assert_eq!(schema.mean, [4.0]);
    assert!((schema.std[0] - 2.549_509_756_796_392_5).abs() < 1e-12, "{:?}", schema.std);
}

#[test]
fn missing_labels_are_refused_or_left_out_and_the_list_can_be_changed() {
    let text = "a,y\n1,x\n2,\n3,z\n4,NA\n";
    assert!(refusal(text, &raw()).starts_with("cells without a value in 4 rows: `y` (2)"));
    assert_eq!(values(&read(text, &with(|table| table.missing = Missing::Drop)).unwrap().train), [1.0, 3.0]);
    let mean = with(|table| table.missing = Missing::Mean);
    assert!(refusal(text, &mean).contains("`y` (2); there is no mean to take"));
    let list = with(|table| table.missing_values = Some(names(&["-999"])));
    let table = read("a,y\n1,NA\n2,x\n", &list).unwrap();
    assert_eq!(table.classes, ["NA", "x"]);
    assert!(refusal("a,y\n-999,x\n2,z\n", &list).contains("`a` (1)"));
}

#[test]
fn labels_that_differ_in_spelling_only_are_told() {
    let table = read("a,y\n1,0\n2,0.0\n3,1\n4,1.0\n", &raw()).unwrap();
    assert_eq!(table.classes, ["0", "1"]);
    assert_eq!(table.train.targets, Targets::Classes(vec![0, 0, 1, 1]));
    assert!(table.notes[0].contains("are one class"), "{:?}", table.notes);
    let floats = read("a,y\n1,0.0\n2,1.0\n", &raw()).unwrap();
    assert_eq!((floats.classes, floats.notes), (names(&["0.0", "1.0"]), Vec::new()));
    let cats = read("a,y\n1,cat\n2,Cat\n3,dog\n4,New York\n5,new  york\n", &raw()).unwrap();
    assert_eq!(cats.classes.len(), 5);
    assert!(
        cats.notes[0].contains("`cat` and `Cat`") && cats.notes[1].contains("`New York` and `new  york`")
    );
}

#[test]
fn a_model_of_numbered_classes_reads_them_in_any_spelling() {
    let train = read("a,y\n1,0\n2,1\n", &raw()).unwrap();
    let options = LoadOptions { schema: train.table, ..raw() };
    assert_eq!(read("a,y\n1,1.0\n2,0.0\n", &options).unwrap().train.targets, Targets::Classes(vec![1, 0]));
}

#[test]
fn tables_without_a_header_have_numbered_columns() {
    let headerless = with(|table| table.no_header = true);
    let table = read("5.1,3.5,setosa\n7,3.2,virginica\n", &headerless).unwrap();
    assert_eq!((table.train.len(), values(&table.train)), (2, &[5.1, 3.5, 7.0, 3.2][..]));
    let schema = table.table.unwrap();
    assert_eq!((&*schema.features, &*schema.label), (&names(&["column1", "column2"])[..], "column3"));
    // Rows to predict lack the label, whichever column it was.
    let rows = LoadOptions { schema: Some(schema), labels: LabelUse::Optional, ..raw() };
    assert_eq!(values(&read("1,2\n3,4\n", &rows).unwrap().train), [1.0, 2.0, 3.0, 4.0]);
    let first = LoadOptions { label: Some("column1".to_owned()), ..headerless };
    let schema = read("x,1,2\nz,3,4\n", &first).unwrap().table;
    let rows = LoadOptions { schema, labels: LabelUse::Optional, ..raw() };
    assert_eq!(values(&read("5,6\n", &rows).unwrap().train), [5.0, 6.0]);
    assert_eq!(values(&read("z,5,6\n", &rows).unwrap().train), [5.0, 6.0]);
}

#[test]
fn a_first_row_that_looks_like_data_is_told() {
    let told = |text: &str| {
        read(text, &raw()).unwrap().notes.iter().any(|note| note.contains("line 1 looks like data"))
    };
    assert!(told("5.1,3.5,1.4,setosa\n4.9,3,1.4,setosa\n7,3.2,4.7,other\n"));
    assert!(told("1.5,2,3\n4,5,6\n7,8,9\n"));
    assert!(!told("0,1,2,3,y\n1,2,3,4,5\n1,2,3,4,6\n"));
    assert!(!told("a,b,y\n1,2,x\n3,4,z\n"));
}

#[test]
fn columns_without_a_name_or_cells_are_no_columns() {
    let table = read("a,b,y,\n1,2,x,\n3,4,z,\n,,,\n", &raw()).unwrap();
    assert_eq!(
        (table.table.unwrap().label, values(&table.train)),
        ("y".to_owned(), &[1.0, 2.0, 3.0, 4.0][..])
    );
    assert!(table.notes[0].ends_with("rows without any cell were left out: 1"), "{:?}", table.notes);
}

#[test]
fn numbers_stay_apart_that_32_bits_would_merge() {
    let rows: String = (0..120).map(|row| format!("{},{}\n", 1_700_000_000 + row, row / 60)).collect();
    let text = format!("t,y\n{rows}");
    let table = read(&text, &LoadOptions { normalize: Normalize::Dataset, ..raw() }).unwrap();
    let mut inputs: Vec<u32> = values(&table.train).iter().map(|value| value.to_bits()).collect();
    inputs.dedup();
    assert_eq!(inputs.len(), 120);
    assert!(!table.notes.iter().any(|note| note.contains("32 bits")), "{:?}", table.notes);
    let raw_table = read(&text, &raw()).unwrap();
    let told = "118 different numbers of the column `t` become equal to another one in 32 bits; without --normalize none";
    assert!(raw_table.notes.iter().any(|note| note.contains(told)), "{:?}", raw_table.notes);
}

#[test]
fn rows_to_predict_need_no_labels() {
    let train = read("a,b,y\n1,2,x\n3,4,z\n", &raw()).unwrap();
    let options = LoadOptions { schema: train.table, labels: LabelUse::Optional, ..raw() };
    let table = read("b,a\n5,6\n7,8\n", &options).unwrap();
    let rows = table.table_rows.unwrap();
    assert_eq!(
        (values(&table.train), &*rows.train.labelled),
        (&[6.0, 5.0, 8.0, 7.0][..], &[false, false][..])
    );
    assert!(!rows.has_labels);
    let table = read("b,a,y\n5,6,z\n7,8,\n9,1,new\n", &options).unwrap();
    let rows = table.table_rows.unwrap();
    assert_eq!(
        (table.train.target(0), &*rows.train.labelled),
        (Some(Target::Class(1)), &[true, false, false][..])
    );
    assert!(table.notes[0].contains("not classes of the model, such as `new`"), "{:?}", table.notes);
    let one = read("a,y\n1,x\n3,z\n", &raw()).unwrap().table;
    let options = LoadOptions { schema: one, labels: LabelUse::Optional, ..raw() };
    assert_eq!(values(&load(file("a\n5\n6\n").path(), &options, None).unwrap().train), [5.0, 6.0]);
}
