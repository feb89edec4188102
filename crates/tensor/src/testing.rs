//! What every op's tests share: values by hand, finite differences in f64, and the kernels against the reference.
//!
//! A [`Case`] is an expression over random inputs of given shapes. Checking it means: the gradient rules agree with
//! central differences of the f64 reference; and every instruction set, with one and with several threads, agrees with
//! the reference in value and gradients, the threads bit for bit.

#[allow(dead_code)] // unit and integration tests use different parts
pub(crate) mod net;

use std::sync::{Arc, OnceLock};

use ndarray::{ArrayD, Dimension, IxDyn};

use crate::backend::Backend;
use crate::backend::cpu::{Cpu, CpuOptions, InstructionSet};
use crate::backend::cuda::emulator::{Emulator, NoEmulator};
use crate::backend::cuda::{self, CudaOptions};
use crate::backend::launch::lowering::Sizing;
use crate::backend::wgpu;
use crate::ir::{bf16, from_bf16};
use crate::reference::Interpreter;
use crate::session::{eval_on, eval_with};
use crate::{Error, Graph, NumberTypes, Tensor};

/// Errors of f32, of the largest element: sums of n products lose about √n units in its last place.
const F32_BOUND: Bound = Bound { share: 3e-6, least: 0.05 };

/// Those of bfloat16: a result, and some numbers on the way to it, which may cancel, are each rounded by up to 2⁻⁸ of
/// themselves.
const BF16_BOUND: Bound = Bound { share: 6.0 / 256.0, least: 0.2 };

/// How far results may be off: a share of the largest element, or of the least that counts as such.
#[derive(Clone, Copy)]
struct Bound {
    share: f64,
    least: f64,
}

type Expression = Arc<dyn for<'g> Fn(&[Tensor<'g>]) -> Result<Tensor<'g>, Error>>;

/// An expression and the inputs to try it on.
#[derive(Clone)]
pub(crate) struct Case {
    shapes: Vec<Vec<usize>>,
    expression: Expression,
    low: f32,
    high: f32,
    away_from_zero: bool,
    forward_only: bool,
    outliers: f64,
}

/// Asserts that `expression` of `inputs` has these elements, on the CPU and in the reference.
pub(crate) fn values(
    inputs: &[ArrayD<f32>],
    expression: impl for<'g> Fn(&[Tensor<'g>]) -> Result<Tensor<'g>, Error>,
    expected: &[f32],
) {
    let graph = Graph::new();
    let x: Vec<Tensor<'_>> = inputs.iter().map(|x| graph.constant(x.clone()).unwrap()).collect();
    let y = expression(&x).unwrap();
    let reference = Interpreter::new().run(&graph, &[y]).unwrap().remove(0);
    for (name, backend) in backends() {
        let found = eval_on(&backend, &[y]).unwrap().remove(0);
        assert_eq!(found.len(), expected.len(), "{name}");
        for ((found, &expected), reference) in found.iter().zip(expected).zip(&reference) {
            let close = |x: f32| x == expected || (x - expected).abs() <= 2e-6 * expected.abs().max(1e-3);
            assert!(close(*found), "{name}: {found} instead of {expected}");
            assert!(close(*reference as f32), "reference: {reference} instead of {expected}");
        }
    }
}

/// Inputs on which expressions are compared between the reference and every backend, NaN for NaN.
pub(crate) struct Fixed(Vec<ArrayD<f32>>);

impl Fixed {
    /// Asserts that every backend gives what the reference gives.
    pub(crate) fn agree(&self, expression: impl for<'g> Fn(&[Tensor<'g>]) -> Result<Tensor<'g>, Error>) {
        let graph = Graph::new();
        let x: Vec<Tensor<'_>> = self.0.iter().map(|x| graph.constant(x.clone()).unwrap()).collect();
        let y = expression(&x).unwrap();
        let reference = Interpreter::new().run(&graph, &[y]).unwrap().remove(0);
        for (name, backend) in backends() {
            let found = eval_on(&backend, &[y]).unwrap().remove(0);
            for (found, reference) in found.iter().zip(&reference) {
                let same = f64::from(*found) == *reference || found.is_nan() && reference.is_nan();
                assert!(same, "{name}: {found} instead of {reference} for {:?}", self.0);
            }
        }
    }
}

/// Pairs of shapes that broadcast in every way.
pub(crate) fn broadcast_shapes() -> Vec<Vec<Vec<usize>>> {
    let pair = |a: &[usize], b: &[usize]| vec![a.to_vec(), b.to_vec()];
    vec![
        pair(&[], &[]),
        pair(&[7], &[7]),
        pair(&[4, 33], &[33]),
        pair(&[4, 33], &[4, 1]),
        pair(&[3], &[2, 3]),
        pair(&[2, 1, 5], &[3, 1]),
        pair(&[2, 3, 4], &[1, 3, 1]),
        pair(&[5], &[]),
        pair(&[0, 3], &[3]),
        pair(&[1, 1], &[6, 7]),
    ]
}

/// The CUDA kernels on the emulator; none, reported once, where there is no C++ compiler.
///
/// # Panics
/// If there is a compiler and it does not compile them, or if `PLANGRAD_CI` is set, where no test may be skipped.
pub(crate) fn emulator(order: u32) -> Option<Arc<Emulator>> {
    static SAID: std::sync::Once = std::sync::Once::new();
    let skipped = |why: NoEmulator| {
        let may_skip = std::env::var_os("PLANGRAD_CI").is_none();
        assert!(may_skip && why.to_string().contains("no C++ compiler"), "{why}");
        SAID.call_once(|| eprintln!("SKIPPED: {why}"));
    };
    Emulator::new(order).map_err(skipped).ok()
}

/// The machine's GPU, opened once; none where it has none that can be used.
pub(crate) fn gpu() -> Option<Backend> {
    static GPU: OnceLock<Option<Backend>> = OnceLock::new();
    GPU.get_or_init(|| cuda::open(CudaOptions::default()).ok()).clone()
}

/// The first Vulkan adapter with work cut like this, and the same seen through windows of 64 KiB. None without the feature
/// `wgpu`, and, reported once, without Vulkan.
pub(crate) fn adapters_with(sizing: Sizing) -> Vec<(&'static str, Backend)> {
    wgpu::with_sizing(sizing)
}

/// Every backend the machine has: each instruction set with one thread and with three, the emulated GPU, and the real one.
pub(crate) fn backends() -> Vec<(String, Backend)> {
    let open = |set: InstructionSet, threads| {
        let options =
            CpuOptions { threads: Some(threads), instruction_set: Some(set), ..CpuOptions::default() };
        (format!("{} × {threads}", set.name()), Cpu::open(options).unwrap())
    };
    let cpus = InstructionSet::available().into_iter().flat_map(|set| [open(set, 1), open(set, 3)]);
    let emulated = emulator(0).map(|emulator| ("emulated GPU".to_string(), emulator.backend(None)));
    let toy = ("interpreted plan".to_string(), crate::backend::toy::open());
    let adapters =
        adapters_with(Sizing::default()).into_iter().map(|(name, adapter)| (name.to_string(), adapter));
    cpus.chain([toy])
        .chain(emulated)
        .chain(adapters)
        .chain(gpu().map(|gpu| ("GPU".to_string(), gpu)))
        .collect()
}

impl Case {
    /// These very inputs.
    pub(crate) fn fixed(inputs: &[ArrayD<f32>]) -> Fixed {
        Fixed(inputs.to_vec())
    }

    pub(crate) fn new(
        shapes: &[Vec<usize>],
        expression: impl for<'g> Fn(&[Tensor<'g>]) -> Result<Tensor<'g>, Error> + 'static,
    ) -> Case {
        Case {
            shapes: shapes.to_vec(),
            expression: Arc::new(expression),
            low: -1.0,
            high: 1.0,
            away_from_zero: false,
            forward_only: false,
            outliers: 0.0,
        }
    }

    /// The expression on one input of many sizes: empty, single, below, at and beyond the vector widths, large.
    pub(crate) fn each_size(
        expression: impl for<'g> Fn(&[Tensor<'g>]) -> Result<Tensor<'g>, Error> + Clone + 'static,
    ) -> Cases {
        let shapes: [&[usize]; 9] = [&[], &[0], &[1], &[7], &[16], &[33], &[5, 3], &[2, 3, 17], &[70, 129]];
        Cases(shapes.iter().map(|shape| Case::new(&[shape.to_vec()], expression.clone())).collect())
    }

    /// Inputs between `low` and `high` instead of −1 and 1.
    pub(crate) fn range(mut self, low: f32, high: f32) -> Case {
        (self.low, self.high) = (low, high);
        self
    }

    /// Inputs at least 0.1 from zero, for functions with a kink there.
    pub(crate) fn away_from_zero(mut self) -> Case {
        self.away_from_zero = true;
        self
    }

    /// No gradients.
    pub(crate) fn forward_only(mut self) -> Case {
        self.forward_only = true;
        self
    }

    /// Allows a share of gradient elements to differ: those whose neighbourhood has a kink.
    pub(crate) fn tolerant(mut self, share: f64) -> Case {
        self.outliers = share;
        self
    }

    fn inputs(&self) -> Vec<ArrayD<f32>> {
        let mut state = 0x9E37_79B9_7F4A_7C15_u64;
        let mut uniform = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 40) as f32 / (1u64 << 24) as f32
        };
        let mut number = || {
            let x = self.low + (self.high - self.low) * uniform();
            if self.away_from_zero { x + 0.1_f32.copysign(x) } else { x }
        };
        self.shapes.iter().map(|shape| ArrayD::from_shape_simple_fn(IxDyn(shape), &mut number)).collect()
    }

    /// Runs all checks.
    pub(crate) fn check(self) {
        let inputs = self.inputs();
        let graph = Graph::new();
        let x: Vec<Tensor<'_>> = inputs.iter().map(|x| graph.variable(x.clone()).unwrap()).collect();
        let y = (self.expression)(&x).unwrap();
        let mut outputs = vec![y];
        if !self.forward_only {
            outputs.extend(graph.gradients(weighted_sum(y), &x).unwrap());
        }
        let reference = Interpreter::new().run(&graph, &outputs).unwrap();
        if !self.forward_only {
            self.check_differences(&inputs, &reference[1..]);
        }
        self.check_backends(&outputs, &reference);
        self.check_in_bf16(&inputs);
    }

    /// Every backend that computes in mixed precision against the reference, on inputs that bfloat16 has: what differs is how
    /// results are rounded.
    fn check_in_bf16(&self, inputs: &[ArrayD<f32>]) {
        let graph = Graph::new();
        let rounded = |x: &ArrayD<f32>| x.mapv(|x| from_bf16(bf16(x)));
        let x: Vec<Tensor<'_>> = inputs.iter().map(|x| graph.variable(rounded(x)).unwrap()).collect();
        let y = (self.expression)(&x).unwrap();
        let mut outputs = vec![y];
        if !self.forward_only {
            outputs.extend(graph.gradients(weighted_sum(y), &x).unwrap());
        }
        let reference = Interpreter::new().run(&graph, &outputs).unwrap();
        let types = NumberTypes::bf16();
        for (name, backend) in backends().into_iter().filter(|(_, backend)| backend.computes_with(types)) {
            let found = eval_with(&backend, types, &outputs).unwrap();
            for (i, (found, reference)) in found.iter().zip(&reference).enumerate() {
                self.assert_within(BF16_BOUND, &format!("{name} in bf16"), i, found, reference);
            }
        }
    }

    /// The gradient rules against central differences of the reference.
    fn check_differences(&self, inputs: &[ArrayD<f32>], gradients: &[ArrayD<f64>]) {
        const STEP: f64 = 1e-5;
        for (which, gradient) in gradients.iter().enumerate() {
            let mut wrong = 0;
            let checked = gradient.len().min(12);
            for pick in 0..checked {
                let element = pick * gradient.len() / checked;
                let at = |delta: f64| self.weighted_value(inputs, which, element, delta);
                let slope = (at(STEP) - at(-STEP)) / (2.0 * STEP);
                let found = *gradient.iter().nth(element).unwrap();
                // f64 leaves eleven digits of the difference; truncation of the series about eight.
                wrong += usize::from((slope - found).abs() > 1e-6 * slope.abs().max(1.0));
            }
            let allowed = (checked as f64 * self.outliers) as usize;
            assert!(
                wrong <= allowed,
                "{wrong} of {checked} slopes of input {which} differ for {:?}",
                self.shapes
            );
        }
    }

    /// The weighted sum of the expression with one element of one input moved, in f64 throughout.
    fn weighted_value(&self, inputs: &[ArrayD<f32>], which: usize, element: usize, delta: f64) -> f64 {
        let graph = Graph::new();
        let x: Vec<Tensor<'_>> = inputs
            .iter()
            .enumerate()
            .map(|(i, x)| {
                let mut wide = x.mapv(f64::from);
                if i == which {
                    wide.as_slice_mut().unwrap()[element] += delta;
                }
                graph.record(crate::ops::leaf::Wide { values: wide }, &[]).unwrap()
            })
            .collect();
        let y = weighted_sum((self.expression)(&x).unwrap());
        Interpreter::new().run(&graph, &[y]).unwrap().remove(0).sum()
    }

    fn check_backends(&self, outputs: &[Tensor<'_>], reference: &[ArrayD<f64>]) {
        let mut by_set: Option<(String, Vec<ArrayD<f32>>)> = None;
        for (name, backend) in backends() {
            let found = eval_on(&backend, outputs).unwrap();
            for (i, (found, reference)) in found.iter().zip(reference).enumerate() {
                self.assert_within(F32_BOUND, &name, i, found, reference);
            }
            let set = name.split(" × ").next().unwrap_or_default().to_string();
            match &by_set {
                Some((other, values)) if *other == set => {
                    let bits =
                        |v: &[ArrayD<f32>]| v.iter().flatten().map(|x| x.to_bits()).collect::<Vec<_>>();
                    assert_eq!(
                        bits(values),
                        bits(&found),
                        "{name}: threads change the bits for {:?}",
                        self.shapes
                    );
                }
                _ => by_set = Some((set, found)),
            }
        }
    }

    /// Within a bound of the reference.
    fn assert_within(
        &self,
        bound: Bound,
        name: &str,
        output: usize,
        found: &ArrayD<f32>,
        reference: &ArrayD<f64>,
    ) {
        assert_eq!(found.shape(), reference.shape());
        let scale = reference.iter().filter(|x| x.is_finite()).fold(bound.least, |a: f64, x| a.max(x.abs()));
        for (found, reference) in found.iter().zip(reference) {
            let difference = (f64::from(*found) - reference).abs();
            let equal = f64::from(*found) == *reference || found.is_nan() && reference.is_nan();
            assert!(
                equal || difference <= bound.share * scale,
                "{name}, output {output} of {:?}: {found} instead of {reference} (largest {scale})",
                self.shapes
            );
        }
    }
}

/// Many cases with one set of options.
pub(crate) struct Cases(Vec<Case>);

impl Cases {
    pub(crate) fn range(self, low: f32, high: f32) -> Cases {
        Cases(self.0.into_iter().map(|case| case.range(low, high)).collect())
    }
    pub(crate) fn away_from_zero(self) -> Cases {
        Cases(self.0.into_iter().map(Case::away_from_zero).collect())
    }
    pub(crate) fn check_all(self) {
        self.0.into_iter().for_each(Case::check);
    }
}

/// A scalar in which every element of `y` has its own weight, so that no two gradients can be exchanged unseen.
fn weighted_sum(y: Tensor<'_>) -> Tensor<'_> {
    let weights = ArrayD::from_shape_fn(IxDyn(y.dims()), |index| {
        let place: usize = index.as_array_view().iter().enumerate().map(|(axis, i)| i * (axis * 2 + 1)).sum();
        0.3 + 0.1 * (place % 7) as f32
    });
    y.mul(y.graph().constant(weights).unwrap()).unwrap().sum().unwrap()
}
