//! A user's own images, from the folder to the answer: trained on, evaluated, resumed, asked about.

mod support;

use std::fs::{self, File};
use std::path::Path;

use plangrad::Picture;
use support::{command, finish, refusal, run};

/// A picture of one colour with a dot.
fn save(path: &Path, width: usize, height: usize, value: u8) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let mut planes = vec![value; width * height];
    planes[0] = 255 - value;
    let picture = Picture::from_planes(&[1, height, width], &planes).unwrap();
    fs::write(path, picture.to_png(path).unwrap()).unwrap();
}

/// A folder `pets` with a dark and a light class, 20 images of each, of two sizes.
fn pets() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for number in 0..20 {
        let place = |class: &str| folder.path().join(format!("pets/{class}/{number}.png"));
        save(&place("dark"), 8 + number % 2, 8, 20 + number as u8);
        save(&place("light"), 8, 8 + number % 2, 200 + number as u8);
    }
    folder
}

const TRAIN: &str = "train --dataset folder:pets --image-size 6x5 --fit stretch --epochs 3 --batch-size 4 --lr 0.01 --out run";

#[test]
fn a_folder_is_trained_on_evaluated_and_resumed_the_same_way() {
    let folder = pets();
    let trained = run(folder.path(), TRAIN);
    assert!(trained.stderr.contains("there is no test folder: "), "{trained:?}");
    let config = fs::read_to_string(folder.path().join("run/config.toml")).unwrap();
    assert!(config.contains("[images]\nsize = [6, 5]") || config.contains("size = [\n"), "{config}");
    assert!(config.contains("fit = \"stretch\""), "{config}");
    let evaluated = run(folder.path(), "eval run --format json").object();
    assert_eq!(
        (&evaluated["accuracy"], &evaluated["classes"]),
        (&1.0.into(), &serde_json::json!(["dark", "light"]))
    );
    let resumed = run(folder.path(), "train --resume run --epochs 4");
    assert_eq!(resumed.code, 0, "{resumed:?}");
    fs::rename(folder.path().join("pets"), folder.path().join("moved")).unwrap();
    let moved = run(folder.path(), "eval run --dataset folder:moved --format json").object();
    assert_eq!(moved["samples"], evaluated["samples"], "the same images are held out wherever they lie");
}

#[test]
fn another_folder_has_the_models_classes_by_their_names() {
    let folder = pets();
    run(folder.path(), TRAIN).succeeded();
    (0..10).for_each(|n| save(&folder.path().join(format!("new/light/x{n}.png")), 9, 9, 220));
    let light = run(folder.path(), "eval run --dataset folder:new --split train --format json").object();
    assert_eq!(light["accuracy"], 1.0);
    save(&folder.path().join("other/striped/1.png"), 9, 9, 220);
    let error = refusal(folder.path(), &["eval", "run", "--dataset", "folder:other"], 1);
    assert!(error.contains("has the class striped"), "{error}");
}

#[test]
fn many_images_a_folder_and_standard_input_are_answered() {
    let folder = pets();
    run(folder.path(), TRAIN).succeeded();
    fs::write(folder.path().join("pets/light/broken.png"), "x").unwrap();
    let answers = run(folder.path(), "predict run --image pets/dark/0.png pets/light --format json");
    let said = answers.stderr.clone();
    let names: Vec<String> = answers.objects().iter().map(|object| object["name"].to_string()).collect();
    assert_eq!(names, [vec!["\"dark\""], vec!["\"light\""; 20]].concat());
    assert!(said.contains("1 of 22 images could not be read"), "{said}");
    let mut piped = command(folder.path());
    let input = File::open(folder.path().join("pets/light/3.png")).unwrap();
    let text = finish(piped.args(["predict", "run", "--image", "-"]).stdin(input)).succeeded();
    assert!(
        text.starts_with("standard input, resized from 8 × 9 to 5 × 6 pixels, its proportions changed"),
        "{text}"
    );
    assert!(text.contains("class light"), "{text}");
}

#[test]
fn options_of_images_are_refused_elsewhere() {
    let folder = tempfile::tempdir().unwrap();
    for (option, value, what) in [
        ("--image-size", "8x8", "folders of images"),
        ("--fit", "crop", "folders of images"),
        ("--labels", "coarse", "--dataset cifar100"),
    ] {
        let error = refusal(folder.path(), &["train", "--dataset", "digits", option, value], 2);
        assert!(error.contains(what), "{error}");
    }
}

#[test]
fn coarse_classes_of_cifar_100_need_no_data_to_be_planned() {
    let folder = tempfile::tempdir().unwrap();
    let text = run(folder.path(), "summary --dataset cifar100 --labels coarse").succeeded();
    assert!(text.contains("[-1, 20]"), "{text}");
}

/// A safetensors file with one tensor of this type.
fn half(path: &Path) {
    let header = "{\"w\":{\"dtype\":\"F16\",\"shape\":[2,2],\"data_offsets\":[0,8]},\
                  \"x\":{\"dtype\":\"F64\",\"shape\":[2],\"data_offsets\":[8,24]}}";
    let values = [&[0, 0x3c].repeat(4)[..], &[0.5_f64.to_le_bytes(), 2_f64.to_le_bytes()].concat()].concat();
    fs::write(path, [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &values].concat()).unwrap();
}

#[test]
fn weights_of_other_types_and_of_pytorch_are_taken() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("t.csv"), "a,b,c\n1,2,x\n2,1,y\n3,3,x\n4,1,y\n5,2,x\n").unwrap();
    half(&folder.path().join("half.safetensors"));
    let torch = Path::new(env!("CARGO_MANIFEST_DIR")).join("../formats/tests/pickles/linear.pth");
    fs::copy(torch, folder.path().join("linear.pth")).unwrap();
    let start = |file: &str| {
        let options = "--hidden none --lr 0 --optimizer sgd --max-steps 1 --overwrite --out run";
        run(folder.path(), &format!("train --dataset csv:t.csv {options} --init {file}"))
    };
    let expected: [(&str, &[f32]); 2] =
        [("linear.pth", &[1.0, 2.0, 3.0, 4.0]), ("half.safetensors", &[1.0, 1.0, 1.0, 1.0])];
    for (file, weights) in expected {
        let started = start(file);
        assert_eq!(started.code, 0, "{started:?}");
        assert!(started.stderr.contains(&format!("weights from {file}:")), "{started:?}");
        let model = fs::read(folder.path().join("run/model.safetensors")).unwrap();
        let values: Vec<u8> = weights.iter().flat_map(|value| value.to_le_bytes()).collect();
        assert!(model.windows(16).any(|window| window == values), "{file}");
    }
    for (bytes, expected) in [
        (&b"\x89HDF\r\n\x1a\n and so on, as long as it takes"[..], "found an HDF5 file, as Keras writes"),
        (b"PK\x03\x04 and so on", "found a zip archive, as PyTorch writes, but not a state_dict"),
        (b"\x80\x02}q\x00. and so on", "found a pickle, as PyTorch before 1.6 wrote"),
    ] {
        fs::write(folder.path().join("other"), bytes).unwrap();
        let refused = start("other").refused(1);
        assert!(refused.contains(expected), "{refused}");
    }
}
