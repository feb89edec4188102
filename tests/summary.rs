//! `plangrad summary`: the lessons' tables, to the letter, and the same in JSON.

mod support;

use serde_json::json;
use support::{refusal, run};

#[test]
fn the_table_of_the_mnist_lesson_is_printed() {
    let folder = tempfile::tempdir().unwrap();
    let table = run(folder.path(), "summary --dataset mnist --data-dir nowhere").succeeded();
    let expected = "\
----------------------------------------------------------------
        Layer (type)               Output Shape         Param #
================================================================
           Flatten-1                  [-1, 784]               0
            Linear-2                  [-1, 128]         100,480
              ReLU-3                  [-1, 128]               0
            Linear-4                   [-1, 10]           1,290
================================================================
Total params: 101,770
Trainable params: 101,770
Non-trainable params: 0
----------------------------------------------------------------
Input size (MB): 0.00
Forward/backward pass size (MB): 0.01
Params size (MB): 0.39
Estimated Total Size (MB): 0.40
----------------------------------------------------------------
One sample as f32, MB = 1024² bytes; exactly 3,136 + 8,400 + 407,080 = 418,616 bytes.
";
    assert_eq!(table, expected);
    assert_eq!(run(folder.path(), "summary").succeeded(), expected, "the default is the lesson's model");
}

#[test]
fn the_sizes_of_the_cifar_lesson_are_printed() {
    let folder = tempfile::tempdir().unwrap();
    let table = run(folder.path(), "summary --dataset cifar10").succeeded();
    for line in [
        "Total params: 394,634",
        "Input size (MB): 0.01",
        "Forward/backward pass size (MB): 0.03",
        "Params size (MB): 1.51",
        "Estimated Total Size (MB): 1.54",
    ] {
        assert!(table.lines().any(|found| found == line), "{line} in {table}");
    }
}

#[test]
fn json_has_the_exact_numbers() {
    let folder = tempfile::tempdir().unwrap();
    let summary = run(folder.path(), "summary --hidden none --format json").object();
    let expected = json!({
        "layers": [
            { "name": "Flatten-1", "kind": "Flatten", "output_shape": [784], "parameters": 0 },
            { "name": "Linear-2", "kind": "Linear", "output_shape": [10], "parameters": 7850 },
        ],
        "total_parameters": 7850,
        "trainable_parameters": 7850,
        "input_bytes": 3136,
        "forward_backward_bytes": 2 * 4 * (784 + 10),
        "parameter_bytes": 31400,
        "total_bytes": 3136 + 6352 + 31400,
    });
    assert_eq!(summary, expected);
}

#[test]
fn every_layer_is_listed_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let options =
        "summary --dataset cifar100 --hidden 512,256 --activation gelu --dropout 0.25 --format json";
    let summary = run(folder.path(), options).object();
    let names: Vec<&str> =
        summary["layers"].as_array().unwrap().iter().map(|l| l["name"].as_str().unwrap()).collect();
    let expected =
        ["Flatten-1", "Linear-2", "GELU-3", "Dropout-4", "Linear-5", "GELU-6", "Dropout-7", "Linear-8"];
    assert_eq!(names, expected);
    assert_eq!(summary["total_parameters"], 3072 * 512 + 512 + 512 * 256 + 256 + 256 * 100 + 100);
}

#[test]
fn a_tables_columns_decide_inputs_and_outputs_of_the_network() {
    let folder = tempfile::tempdir().unwrap();
    let table = "a,b,kind\n1,2,x\n3,4,y\n5,6,z\n7,8,x\n";
    std::fs::write(folder.path().join("table.csv"), table).unwrap();
    let summary = run(folder.path(), "summary --dataset csv:table.csv --hidden 8 --format json").object();
    assert_eq!(summary["total_parameters"], 2 * 8 + 8 + 8 * 3 + 3);
    let regression = "summary --dataset csv:table.csv --label a --loss mse --hidden 8 --format json";
    let summary = run(folder.path(), regression).object(); // an input for b, and one for each of x, y and z
    assert_eq!(summary["total_parameters"], 4 * 8 + 8 + 8 + 1);
    let regression = "summary --dataset csv:table.csv --label a --loss mse --hidden 8 --one-hot none";
    assert!(refusal(folder.path(), &regression.split(' ').collect::<Vec<_>>(), 1).contains("column `kind`"));
    std::fs::write(folder.path().join("table.csv"), "a,b,sum\n1,2,3\n3,4,7\n").unwrap();
    let summary =
        run(folder.path(), "summary --dataset csv:table.csv --loss mse --hidden 8 --format json").object();
    assert_eq!(summary["total_parameters"], 2 * 8 + 8 + 8 + 1);
}

#[test]
fn a_network_larger_than_any_machine_is_summarised_without_allocating_it() {
    let folder = tempfile::tempdir().unwrap();
    let hidden = ["16777216"; 16].join(",");
    let summary = run(folder.path(), &format!("summary --hidden {hidden} --format json")).object();
    let unit = 1_u64 << 24;
    assert_eq!(summary["total_parameters"], 785 * unit + 15 * (unit * unit + unit) + 10 * unit + 10);
}
