//! `plangrad show`: text, JSON and pictures match the data.

mod support;

use std::path::Path;

use plangrad::Picture;
use plangrad_data::{DatasetName, LoadOptions, Sample, Target, load};
use serde_json::json;
use support::{plangrad, real_data, refusal, run};

fn digits() -> plangrad_data::Dataset {
    load(&DatasetName::Digits, &LoadOptions::default()).unwrap()
}

fn pixels(split: &plangrad_data::Subset, index: usize) -> &[u8] {
    match split.sample(index) {
        Some(Sample::U8(pixels)) => pixels,
        other => panic!("{other:?}"),
    }
}

#[test]
fn json_has_shape_label_and_ranges_before_and_after_normalising() {
    let folder = tempfile::tempdir().unwrap();
    let shown = run(folder.path(), "show --dataset digits --split test --index 5 --format json").object();
    let dataset = digits();
    let pixels = pixels(&dataset.test, 5);
    let (min, max) = (*pixels.iter().min().unwrap(), *pixels.iter().max().unwrap());
    let mean = pixels.iter().map(|&value| f64::from(value)).sum::<f64>() / 784.0;
    let Some(Target::Class(label)) = dataset.test.target(5) else { panic!() };
    assert_eq!(shown["shape"], json!([1, 28, 28]));
    assert_eq!(
        (&shown["dtype"], &shown["split"], &shown["index"]),
        (&json!("u8"), &json!("test"), &json!(5))
    );
    assert_eq!((&shown["label"], &shown["name"]), (&json!(label), &json!(label.to_string())));
    assert_eq!(shown["raw"], json!({ "min": f64::from(min), "max": f64::from(max), "mean": mean }));
    let normalized = |value: f64| (value / 255.0 - 0.1204) / 0.2668; // the dataset's mean and deviation
    for (key, expected) in [("min", f64::from(min)), ("max", f64::from(max)), ("mean", mean)] {
        let found = shown["normalized"][key].as_f64().unwrap();
        assert!((found - normalized(expected)).abs() < 1e-5, "{key}: {found}");
    }
}

#[test]
fn the_written_image_has_the_pixels_of_the_sample() {
    let folder = tempfile::tempdir().unwrap();
    for normalize in ["dataset", "half", "none"] {
        let arguments = format!("show --dataset digits --index 9 --out one.png --normalize {normalize}");
        run(folder.path(), &arguments).succeeded();
        let picture = Picture::read_png(&folder.path().join("one.png")).unwrap();
        assert_eq!((picture.width(), picture.height(), picture.channels()), (28, 28, 1));
        assert_eq!(picture.planes(), pixels(&digits().train, 9));
    }
}

#[test]
fn several_images_are_drawn_with_their_labels_and_scale_enlarges_them() {
    let folder = tempfile::tempdir().unwrap();
    run(folder.path(), "show --dataset digits --count 12 --out grid.png --scale 4").succeeded();
    let grid = Picture::read_png(&folder.path().join("grid.png")).unwrap();
    // Two pixels a point: 6 columns of 146 points, 2 rows of 56 points of picture and 46 of words, 16 points around, 48 above.
    assert_eq!((grid.width(), grid.height()), (2 * (32 + 6 * 146), 2 * (48 + 2 * 102 + 8)));
    let (dataset, planes) = (digits(), grid.planes());
    for (number, left, top) in [(0, 122, 96), (3, 122 + 3 * 292, 96), (11, 122 + 5 * 292, 96 + 204)] {
        let expected = pixels(&dataset.train, number);
        for (row, column) in (0..112).flat_map(|row| (0..112).map(move |column| (row, column))) {
            let found = planes[(top + row) * grid.width() + left + column];
            assert_eq!(found, expected[row / 4 * 28 + column / 4], "image {number}, {row}, {column}");
        }
    }
    for top in [96 + 112, 96 + 204 + 112] {
        assert!(support::letters(&grid, top + 4..top + 70) >= 6, "a label below each");
    }
    run(folder.path(), "show --dataset digits --count 12 --out large.png --scale 16").succeeded();
    let large = Picture::read_png(&folder.path().join("large.png")).unwrap();
    assert_eq!(large.width(), 2 * (32 + 6 * (224 + 20)));
}

#[test]
fn a_terminal_that_shows_pixels_gets_them_and_the_facts() {
    let folder = tempfile::tempdir().unwrap();
    for (graphics, start) in [
        ("kitty", "\u{1b}_Ga=T,f=100,c="),
        ("iterm2", "\u{1b}]1337;File=inline=1;"),
        ("sixel", "\u{1b}P0;1q"),
    ] {
        let mut command = support::command(folder.path());
        let words = "show --dataset digits --index 3".split(' ');
        let text = support::finish(command.env("PLANGRAD_GRAPHICS", graphics).args(words)).succeeded();
        assert!(text.contains(start) && text.contains("\nshape       [1, 28, 28] u8\n"), "{graphics}");
        assert!(text.lines().count() < 12, "no letters for pixels");
    }
}

#[test]
fn random_samples_are_repeatable_with_a_seed() {
    let folder = tempfile::tempdir().unwrap();
    let indices = |options: &str| -> Vec<u64> {
        let shown =
            run(folder.path(), &format!("show --dataset digits --format json --random {options}")).objects();
        shown.iter().map(|sample| sample["index"].as_u64().unwrap()).collect()
    };
    let first = indices("--count 5 --seed 1");
    assert_eq!((first.len(), &first), (5, &indices("--count 5 --seed 1")));
    assert_ne!(first, indices("--count 5 --seed 2"));
    assert_ne!(indices("--count 5"), indices("--count 5"), "without a seed the sample is any");
}

#[test]
fn a_picture_is_drawn_as_text_without_a_terminal() {
    let folder = tempfile::tempdir().unwrap();
    let text = run(folder.path(), "show --dataset digits --index 3").succeeded();
    let drawing: Vec<&str> = text.lines().skip(2).take(28).collect();
    let dataset = digits();
    let rows: Vec<&[u8]> = pixels(&dataset.train, 3).chunks(28).collect();
    assert_eq!(drawing.len(), rows.len());
    let mut bright = 0;
    for (line, row) in drawing.iter().zip(rows) {
        if let Some(column) = row.iter().position(|&pixel| pixel > 200) {
            assert!(matches!(line.chars().nth(2 * column), Some('%' | '@' | '#')), "{line}");
            bright += 1;
        }
    }
    assert!(bright > 5, "{bright} rows are bright");
    assert!(text.contains("\nshape       [1, 28, 28] u8\n"), "{text}");
    assert!(text.contains("(--normalize dataset)"), "{text}");
}

#[test]
fn rows_of_a_table_are_shown_as_they_are_in_the_file() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("t.csv"), "height,width,kind\n1.5,2,cat\n3,-4,dog\n0.1,6,cat\n")
        .unwrap();
    let text = run(folder.path(), "show --dataset csv:t.csv --test-fraction 0 --count 9").succeeded();
    let expected = "csv:t.csv train: 3 rows\n\n\
                    #  height  width  kind\n0     1.5      2  cat\n1       3     -4  dog\n2     0.1      6  cat\n";
    assert_eq!(text, expected);
    let shown =
        run(folder.path(), "show --dataset csv:t.csv --test-fraction 0 --index 1 --format json").object();
    assert_eq!((&shown["name"], &shown["features"]), (&json!("dog"), &json!(["height", "width"])));
    assert_eq!(shown["values"], json!([3.0, -4.0]));
    assert_eq!(shown["raw"], json!({ "min": -4.0, "max": 3.0, "mean": -0.5 }));
    // Standardised by hand: the widths 2, −4 and 6 have mean 4/3 and variance 152/9.
    let expected = (-4.0 - 4.0 / 3.0) / (152.0_f64 / 9.0).sqrt();
    assert!((shown["normalized"]["min"].as_f64().unwrap() - expected).abs() < 1e-6);
    assert!(
        refusal(folder.path(), &["show", "--dataset", "csv:t.csv", "--out", "t.png"], 2)
            .contains("no pictures")
    );
    assert!(!folder.path().join("t.png").exists());
}

#[test]
fn an_image_too_large_or_a_place_that_cannot_be_written_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let large = ["show", "--dataset", "digits", "--count", "2000", "--scale", "64", "--out", "large.png"];
    assert!(refusal(folder.path(), &large, 2).contains("larger than 256 MiB"));
    std::fs::write(folder.path().join("file"), "").unwrap();
    let below_a_file = ["show", "--dataset", "digits", "--out", "file/x.png"];
    assert!(refusal(folder.path(), &below_a_file, 1).contains("file/x.png"));
    std::fs::create_dir(folder.path().join("folder.png")).unwrap();
    refusal(folder.path(), &["show", "--dataset", "digits", "--out", "folder.png"], 1);
    assert_eq!(support::files(folder.path()).len(), 2);
}

#[test]
fn the_first_images_of_mnist_and_cifar_are_the_known_ones() {
    let Some(data) = real_data() else { return };
    let folder = tempfile::tempdir().unwrap();
    let show = |dataset: &str| {
        let arguments =
            ["show", "--dataset", dataset, "--format", "json", "--out", "first.png", "--data-dir"];
        let arguments = arguments.map(Path::new).into_iter().chain([data.as_path()]);
        plangrad(folder.path(), arguments).object()
    };
    let mnist = show("mnist");
    assert_eq!((&mnist["label"], &mnist["shape"]), (&json!(5), &json!([1, 28, 28])));
    assert!((mnist["normalized"]["max"].as_f64().unwrap() - 2.8215).abs() < 1e-4);
    let cifar = show("cifar10");
    assert_eq!((&cifar["label"], &cifar["name"]), (&json!(6), &json!("frog")));
    // Its first pixel, the top left one, has red 59, green 62 and blue 63.
    let picture = Picture::read_png(&folder.path().join("first.png")).unwrap();
    let planes = picture.planes();
    assert_eq!([planes[0], planes[1024], planes[2048]], [59, 62, 63]);
}
