//! How long a training step takes, beside PyTorch's in all ways there are, and how fast the card multiplies at all.
//!
//! What the targets are judged by comes first, what has to be compiled for a long time last.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::findings::{Known, Trouble};
use super::machine::Machine;
use super::targets;

/// What is asked of the GPU: samples of MNIST's and CIFAR's size, and a wide network. Inputs and hidden units.
const NETWORKS: [(usize, usize); 3] = [(784, 128), (3072, 128), (784, 4096)];
const BATCH_SIZES: [usize; 4] = [64, 128, 1024, 8192];
const PEERS: [Peer; 4] = [Peer::Plangrad, Peer::Eager, Peer::Graph, Peer::Compile];

/// How long a program may take to measure a step.
const LIMIT: Duration = Duration::from_secs(120);

/// A program that is timed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Peer {
    Plangrad,
    Eager,
    /// PyTorch with the step as one CUDA graph.
    Graph,
    Compile,
    /// A large product through cuBLAS, and no step.
    Product,
}

/// A network trained by a program with batches of a size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Work {
    pub(super) inputs: usize,
    pub(super) hidden: usize,
    pub(super) batch_size: usize,
    pub(super) peer: Peer,
    pub(super) tf32: bool,
}

/// What a program tells.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Speed {
    /// The fastest of several rounds.
    pub(super) step_seconds: Option<f64>,
    /// Of the matrix products alone.
    pub(super) operations_per_second: f64,
}

/// Inputs, hidden units and batch sizes.
pub(super) fn networks() -> impl Iterator<Item = [usize; 3]> {
    NETWORKS
        .into_iter()
        .flat_map(|(inputs, hidden)| BATCH_SIZES.map(|batch_size| [inputs, hidden, batch_size]))
}

/// All that is measured, the most wanted first.
pub(super) fn all() -> Vec<Work> {
    let steps = networks().flat_map(|[inputs, hidden, batch_size]| {
        let work = move |peer, tf32| Work { inputs, hidden, batch_size, peer, tf32 };
        PEERS.into_iter().flat_map(move |peer| [work(peer, false), work(peer, true)])
    });
    let mut works: Vec<Work> = steps.chain([false, true].map(targets::product)).collect();
    works.sort_by_key(|work| match work.peer {
        _ if targets::is_needed(work) => 0,
        Peer::Compile => 2,
        _ => 1,
    });
    works
}

impl Work {
    /// Inputs, hidden units and batch size.
    pub(super) fn network(&self) -> [usize; 3] {
        [self.inputs, self.hidden, self.batch_size]
    }

    /// The program, as a table names it.
    pub(super) fn program(&self) -> String {
        let (program, tf32) = match self.peer {
            Peer::Plangrad => ("plangrad cuda", "-tf32"),
            Peer::Eager => ("torch eager", " tf32"),
            Peer::Graph => ("torch graph", " tf32"),
            Peer::Compile => ("torch compile", " tf32"),
            Peer::Product => ("cuBLAS 8192³", " tf32"),
        };
        format!("{program}{}", if self.tf32 { tf32 } else { "" })
    }

    /// The same with the network.
    pub(super) fn describe(&self) -> String {
        format!("{}, {}-{}-10, batch {}", self.program(), self.inputs, self.hidden, self.batch_size)
    }

    /// Multiplications and additions of a step's products: forward, weights, hidden units.
    fn operations(&self) -> f64 {
        (self.batch_size * self.hidden * (4 * self.inputs + 60)) as f64
    }

    /// Has the program measure it.
    pub(super) fn measure(&self, machine: &Machine) -> Known<Speed> {
        let [inputs, hidden, batch] = [self.inputs, self.hidden, self.batch_size].map(|n| n.to_string());
        let sizes = ["--batch-size", &batch, "--inputs", &inputs, "--hidden", &hidden];
        let (program, arguments): (&str, Vec<&str>) = match self.peer {
            Peer::Plangrad => {
                let device = if self.tf32 { "cuda-tf32" } else { "cuda" };
                ("./step_time", vec![device, &batch, &inputs, &hidden])
            }
            Peer::Eager => (&machine.python, [&["gpu.py", "eager"][..], &sizes].concat()),
            Peer::Graph => (&machine.python, [&["gpu.py", "graph"][..], &sizes].concat()),
            Peer::Compile => (&machine.python, [&["gpu.py", "compile"][..], &sizes].concat()),
            Peer::Product => (&machine.python, vec!["gpu.py", "matmul"]),
        };
        let tf32 = (self.tf32 && self.peer != Peer::Plangrad).then_some("--tf32");
        let arguments: Vec<&str> = arguments.into_iter().chain(tf32).collect();
        let name = self.program().replace([' ', '³'], "-");
        let name = format!("time-{name}-{inputs}-{hidden}-{batch}");
        let text = machine.turn(LIMIT).output(&name, program, &arguments)?;
        self.speed(&text).ok_or_else(|| Trouble::Failed(format!("{name} told no speed; see out/{name}.out")))
    }

    /// The last line that is JSON.
    fn speed(&self, text: &str) -> Option<Speed> {
        let mut lines = text.lines().rev().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let told = lines.find(Value::is_object)?;
        let positive = |key: &str| told[key].as_f64().filter(|&value| value > 0.0);
        if self.peer == Peer::Product {
            let operations_per_second = positive("operations_per_second")?;
            return Some(Speed { step_seconds: None, operations_per_second });
        }
        let seconds = positive("step_seconds")?;
        let operations_per_second = positive("operations_per_second").unwrap_or(self.operations() / seconds);
        Some(Speed { step_seconds: Some(seconds), operations_per_second })
    }
}

impl fmt::Display for Speed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(seconds) = self.step_seconds {
            write!(f, "{:.1} µs a step, ", 1e6 * seconds)?;
        }
        write!(f, "{:.2} TFLOP/s", 1e-12 * self.operations_per_second)
    }
}
