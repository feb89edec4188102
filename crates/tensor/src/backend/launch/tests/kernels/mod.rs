//! Every kernel on random shapes: the same on the emulator as on the CPU, in every order of threads, without an access beyond
//! its arrays.

mod epilogues;
mod products;

use proptest::prelude::*;

use super::bench::{Bench, Dataset, Kind, Tolerance};
use crate::backend::launch::lowering::Sizing;
use crate::ir::kernel::{
    Accumulate, Advance, ArgMax, BatchedGemm, ClassShare, Columns, Constant, ConstantData, Copy,
    CrossEntropy, Dropout, Gather, GatherRows, GatherTargets, Indices, Join, Map, MapInput, MapOp,
    MetricSums, Mse, Part, Permute, Pick, Proceed, Reduce, Reduction, RowScale, Samples, ScatterRows,
    Softmax, Target, Update,
};
use crate::ir::{Kernel, MetricBlock, StepBlock, TargetFormat, Value};
use crate::random::uniform;
use crate::testing::net::mixed_rows;
use crate::{DType, MAX_RANK, Optimizer, Schedule, Shape};

/// Sums of a few hundred numbers around 1 in another order, which may cancel out.
const SUMS: Tolerance = Tolerance { share: 3e-6, of_at_least: 1.0 };
/// A few units in the last place: other polynomials for the same functions.
const FUNCTIONS: Tolerance = Tolerance { share: 2e-6, of_at_least: 0.05 };
const NONE: Tolerance = Tolerance { share: 0.0, of_at_least: 0.0 };

/// From none to enough for a few blocks.
fn size() -> impl Strategy<Value = usize> {
    prop_oneof![1 => Just(0), 2 => Just(1), 6 => 2usize..40, 4 => 40usize..200, 1 => Just(128)]
}

/// Few classes, or more than a byte tells apart.
fn classes() -> impl Strategy<Value = usize> {
    prop_oneof![4 => 1usize..70, 1 => 250usize..300]
}

/// Labels of so many classes as they lie in memory.
fn labels(rows: usize, classes: usize) -> Vec<u8> {
    let labels = (0..rows).map(|i| (i * 7 % classes) as u16);
    match DType::of_labels(classes) {
        DType::U8 => labels.map(|label| label as u8).collect(),
        _ => labels.flat_map(u16::to_ne_bytes).collect(),
    }
}

/// Few blocks for an item, or as many as it is worth.
fn sizing(few_blocks: bool) -> Sizing {
    Sizing { most_blocks: if few_blocks { 2 } else { 4096 }, ..Sizing::default() }
}

fn bench(few_blocks: bool) -> Bench {
    Bench::new(sizing(few_blocks))
}

/// The bytes of a step block or of metric sums.
fn words(words: &[[u8; 8]]) -> Vec<u8> {
    words.concat()
}

/// In the middle of a run.
fn step_block(bench: &mut Bench) -> Value {
    let block = StepBlock {
        step: 41,
        seed: 0x1234_5678_9ABC,
        learning_rate: 0.01,
        step_size: 0.02,
        second_correction: 3.0,
        first_row: 70,
    };
    let halves = |low: u32, high: u32| (u64::from(low) | u64::from(high) << 32).to_ne_bytes();
    let bytes = words(&[
        block.step.to_ne_bytes(),
        block.seed.to_ne_bytes(),
        halves(block.learning_rate.to_bits(), block.step_size.to_bits()),
        halves(block.second_correction.to_bits(), block.first_row),
    ]);
    assert_eq!(bytes.len(), size_of::<StepBlock>());
    bench.array(bytes, Kind::Exact, false)
}

const REDUCTIONS: [Reduction; 3] = [Reduction::Sum, Reduction::SquareSum, Reduction::Max];

const FORMULAS: [MapOp; 29] = [
    MapOp::Add,
    MapOp::Sub,
    MapOp::Mul,
    MapOp::Div,
    MapOp::Affine { scale: 1.5, shift: -0.25 },
    MapOp::Exp,
    MapOp::Ln,
    MapOp::Sqrt,
    MapOp::Relu,
    MapOp::ReluGrad,
    MapOp::Tanh,
    MapOp::TanhGrad,
    MapOp::Sigmoid,
    MapOp::SigmoidGrad,
    MapOp::Gelu,
    MapOp::GeluGrad,
    MapOp::Abs,
    MapOp::Sign,
    MapOp::Clamp { min: -0.5, max: 0.75 },
    MapOp::Within { min: -0.5, max: 0.75 },
    MapOp::Pow { exponent: 2.5 },
    MapOp::Maximum,
    MapOp::Minimum,
    MapOp::LargerShare,
    MapOp::Greater,
    MapOp::GreaterEqual,
    MapOp::Equal,
    MapOp::Where,
    MapOp::WhereNot,
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn formulas_of_every_broadcast(
        op in 0..FORMULAS.len(),
        dims in prop::collection::vec(prop_oneof![1 => Just(1usize), 4 => 2usize..8], 0..=4),
        stretched in any::<[[bool; 4]; 2]>(),
        shifted in any::<bool>(),
        few_blocks: bool,
    ) {
        let mut bench = bench(few_blocks);
        let shape = Shape::new(&dims).unwrap();
        let mut input = |stretched: [bool; 4]| {
            let own: Vec<usize> = dims.iter().zip(stretched).map(|(&d, s)| if s { 1 } else { d }).collect();
            let own = Shape::new(&own).unwrap();
            MapInput { value: bench.numbers(own.elements(), shifted), strides: own.broadcast_strides(&shape) }
        };
        let inputs = stretched.map(&mut input);
        let output = bench.output(shape.elements(), shifted);
        bench.check(&Kernel::Map(Map { op: FORMULAS[op], inputs, arity: 2, output, shape }), FUNCTIONS);
    }

    #[test]
    fn sums_and_maxima_along_every_axis(
        outer in size(), reduced in size(), inner in prop_oneof![Just(1usize), size()], reduction in 0usize..3, few_blocks: bool,
    ) {
        let mut bench = bench(few_blocks);
        let outer = outer.min(20); // all windows on an adapter's arena hold 4 MiB
        let (input, output) = (bench.numbers(outer * reduced * inner, true), bench.output(outer * inner, false));
        let reduction = REDUCTIONS[reduction];
        bench.check(&Kernel::Reduce(Reduce { reduction, input, output, outer, reduced, inner }), SUMS);
    }

    #[test]
    fn softmax_of_every_width(rows in size(), columns in size(), log: bool, few_blocks: bool) {
        let mut bench = bench(few_blocks);
        let (input, output) = (bench.numbers(rows * columns, true), bench.output(rows * columns, false));
        bench.check(&Kernel::Softmax(Softmax { input, output, rows, columns, log }), FUNCTIONS);
    }

    #[test]
    fn losses_and_gradients_of_every_width(
        rows in size(), columns in classes(), labelled: bool, outputs in any::<[bool; 2]>(), per_row: bool,
        weighted: bool, smoothing in prop::sample::select(vec![0.0, 0.1, 0.5]), few_blocks: bool,
    ) {
        let mut bench = bench(few_blocks);
        let prediction = bench.numbers(rows * columns, true);
        let scale = if per_row { RowScale::PerRow(bench.numbers(rows, false)) } else { RowScale::Constant(0.25) };
        let losses = outputs[0].then(|| bench.output(rows, false));
        let gradient = outputs[1].then(|| bench.output(rows * columns, true));
        let kernel = if labelled {
            let labels = bench.array(labels(rows, columns), Kind::Exact, false);
            let logits = prediction;
            let weights = weighted.then(|| bench.numbers(columns, false));
            let share = ClassShare::smoothed(smoothing, columns, weights);
            Kernel::CrossEntropy(CrossEntropy { logits, labels, rows, columns, losses, dlogits: gradient, scale, share })
        } else {
            let target = bench.numbers(rows * columns, false);
            Kernel::Mse(Mse { prediction, target, rows, columns, losses, dprediction: gradient, scale })
        };
        bench.check(&kernel, FUNCTIONS);
    }

    #[test]
    fn numbers_of_labels(rows in size(), classes in classes(), few_blocks: bool) {
        let mut bench = bench(few_blocks);
        let labels = bench.array(labels(rows, classes), Kind::Exact, false);
        let (values, output) = (bench.numbers(classes, true), bench.output(rows, false));
        bench.check(&Pick { values, labels, output, classes, rows }.into(), NONE);
    }

    #[test]
    fn permutations_of_every_order(
        dims in prop::collection::vec(1usize..7, 0..=4), order in Just(vec![0usize, 1, 2, 3]).prop_shuffle(), few_blocks: bool,
    ) {
        let mut bench = bench(few_blocks);
        let order: Vec<usize> = order.into_iter().filter(|&axis| axis < dims.len()).collect();
        let stride = |axis: usize| dims[axis + 1..].iter().product::<usize>();
        let mut strides = [0; MAX_RANK];
        order.iter().zip(&mut strides).for_each(|(&axis, to)| *to = stride(axis));
        let shape = Shape::new(&order.iter().map(|&axis| dims[axis]).collect::<Vec<_>>()).unwrap();
        let elements = shape.elements();
        let (input, output) = (bench.numbers(elements, true), bench.output(elements, false));
        bench.check(&Kernel::Permute(Permute { input, output, shape, strides }), NONE);
    }

    #[test]
    fn transposed_matrices(rows in size(), columns in size(), few_blocks: bool) {
        let mut bench = bench(few_blocks);
        let (input, output) = (bench.numbers(rows * columns, true), bench.output(rows * columns, false));
        let mut strides = [0; MAX_RANK];
        strides[..2].copy_from_slice(&[1, columns]);
        let shape = Shape::new(&[columns, rows]).unwrap();
        bench.check(&Kernel::Permute(Permute { input, output, shape, strides }), NONE);
    }

    #[test]
    fn columns_side_by_side(
        rows in size(), parts in prop::collection::vec((size(), 0usize..3, 0usize..3, any::<bool>()), 0..5), few_blocks: bool,
    ) {
        let mut bench = bench(few_blocks);
        let part = |(width, left, right, number): (usize, usize, usize, bool)| {
            let columns = left + width + right;
            let value = bench.numbers(rows * columns, true);
            let from = Columns::Of { value, first: left, columns };
            Part { columns: if number { Columns::Number(0.5) } else { from }, width }
        };
        let parts: Vec<Part> = parts.into_iter().map(part).filter(|part| part.width > 0).collect();
        let output = bench.output(rows * parts.iter().map(|part| part.width).sum::<usize>(), false);
        bench.check(&Join { parts, output, rows }.into(), NONE);
    }

    #[test]
    fn rows_by_index_and_their_sums(
        count in size(), rows in classes(), columns in size(), bytes in prop_oneof![Just(1), Just(2), Just(4)], few_blocks: bool,
    ) {
        let mut bench = bench(few_blocks);
        let index = |i: usize| (i * 7 + i / 5) % (rows + 1); // one of which is no row
        let dtype = match bytes { 1 => DType::U8, 2 => DType::U16, _ => DType::F32 };
        let encoded = |i| {
            let mut encoded = vec![0; bytes];
            dtype.encode(index(i) as f32, &mut encoded);
            encoded
        };
        let value = bench.array((0..count).flat_map(encoded).collect(), Kind::Exact, false);
        let indices = Indices { value, dtype, count };
        let (table, picked) = (bench.numbers(rows * columns, true), bench.numbers(count * columns, true));
        let (output, sums) = (bench.output(count * columns, false), bench.output(rows * columns, false));
        bench.check(&GatherRows { table, indices: indices.clone(), output, rows, columns }.into(), NONE);
        bench.check(&ScatterRows { input: picked, indices, output: sums, rows, columns }.into(), NONE);
    }

    #[test]
    fn lists_of_products(
        batch in 0usize..20, m in size(), n in size(), k in 0usize..40, transpose_a: bool, few_blocks: bool,
    ) {
        let mut bench = bench(few_blocks);
        let [a, b] = [m * k, k * n].map(|size| bench.numbers(batch * size, true));
        let c = bench.output(batch * m * n, false);
        bench.check(&BatchedGemm { a, b, c, batch, m, n, k, transpose_a }.into(), SUMS);
    }

    #[test]
    fn the_largest_column_and_whether_it_is_right(
        rows in size(), columns in classes(), labelled: bool, nan in 0usize..5, few_blocks: bool,
    ) {
        let mut bench = bench(few_blocks);
        // Few different numbers, so that many are equal; and some NaN.
        let number = |i: usize| match (uniform(9, 0, i as u64, 0.0, 6.0) as u32, nan) {
            (0, 0) => f32::NAN,
            (x, _) => x as f32,
        };
        let values = (0..rows * columns).flat_map(|i| number(i).to_ne_bytes()).collect();
        let input = bench.array(values, Kind::Numbers, false);
        let labels = labelled.then(|| bench.array(labels(rows, columns), Kind::Exact, false));
        let output = bench.output(rows, false);
        bench.check(&Kernel::ArgMax(ArgMax { input, labels, output, rows, columns }), NONE);
    }

    #[test]
    fn dropout_of_every_width(rows in size(), units in size(), rate in 0.0f32..0.95, few_blocks: bool) {
        let mut bench = bench(few_blocks);
        let step_block = step_block(&mut bench);
        let (input, output) = (bench.numbers(rows * units, true), bench.output(rows * units, false));
        bench.check(&Kernel::Dropout(Dropout { input, output, step_block, rows, units, rate, layer: 3 }), NONE);
    }

    #[test]
    fn optimizers_on_every_range(elements in size(), optimizer in 0usize..4, divided: bool, shifted: bool, few_blocks: bool) {
        let mut bench = bench(few_blocks);
        let optimizer = [
            Optimizer::Sgd { momentum: 0.0, weight_decay: 0.1 },
            Optimizer::Sgd { momentum: 0.9, weight_decay: 0.01 },
            Optimizer::Adam { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weight_decay: 0.1 },
            Optimizer::AdamW { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weight_decay: 0.1 },
        ][optimizer];
        let step_block = step_block(&mut bench);
        let (parameter, gradient) = (bench.numbers(elements, shifted), bench.numbers(elements, false));
        let moment = |i| (i < optimizer.moments()).then(|| {
            let squares = (0..elements as u64).flat_map(|j| uniform(4, i as u32, j, 0.1, 1.0).to_ne_bytes());
            bench.array(squares.collect(), Kind::Numbers, shifted)
        });
        let moments = [0, 1].map(moment);
        let divisor = divided.then(|| bench.array(3.5f32.to_ne_bytes().to_vec(), Kind::Numbers, false));
        bench.check(&Kernel::Update(Update { target: Target { optimizer, parameter, divisor, moments, step_block }, gradient, elements }), FUNCTIONS);
    }

    #[test]
    fn sums_of_losses_and_right_answers(rows in prop_oneof![size(), 1000usize..3000], counted: bool, continues: bool) {
        let mut bench = bench(false);
        let losses = bench.numbers(rows, true);
        let right = (0..rows).flat_map(|i| f32::from(u8::from(i % 3 == 0)).to_ne_bytes()).collect();
        let correct = counted.then(|| bench.array(right, Kind::Numbers, false));
        let sums = [1234.5f64.to_ne_bytes(), 17u64.to_ne_bytes(), 5u64.to_ne_bytes(), 0.75f64.to_ne_bytes(), 3u64.to_ne_bytes()];
        let metrics = bench.array(words(&sums), Kind::Exact, false);
        assert_eq!(words(&sums).len(), size_of::<MetricBlock>());
        bench.check(&Kernel::MetricSums(MetricSums { losses, correct, rows, metrics, continues }), NONE);
    }

    #[test]
    fn batches_of_every_type_and_number_of_channels(
        rows in 1usize..40, channels in 1usize..20, pixels in size(), bytes: bool, few_blocks: bool, shifted: bool,
    ) {
        let (pixels, len) = (pixels.min(50), 50);
        let elements = len * channels * pixels;
        let number = |i: usize| 255.0 * uniform(2, 0, i as u64, 0.0, 1.0);
        let samples = match bytes {
            true => (0..elements).map(|i| number(i) as u8).collect(),
            false => (0..elements).flat_map(|i| number(i).to_ne_bytes()).collect(),
        };
        let dataset = Dataset { samples, rows: mixed_rows(rows, len), ..Dataset::default() };
        let mut bench = Bench::gathering(sizing(few_blocks), dataset);
        let output = bench.output(rows * channels * pixels, shifted);
        let scale = (0..channels).map(|c| 0.01 * (c + 1) as f32).collect();
        let shift = (0..channels).map(|c| 0.5 - c as f32).collect();
        let dtype = if bytes { DType::U8 } else { DType::F32 };
        let samples = Samples { rows, channels, pixels, dtype, scale, shift };
        bench.check(&Kernel::Gather(Gather { output, samples }), FUNCTIONS);
    }

    #[test]
    fn targets_of_every_format(rows in 1usize..300, width in 0usize..10, few_blocks: bool) {
        let format = match width {
            0 => TargetFormat::Class,
            1 => TargetFormat::WideClass,
            width => TargetFormat::Values(width - 1),
        };
        let targets = (0..50 * format.bytes()).map(|i| i as u8).collect();
        let dataset = Dataset { targets, rows: mixed_rows(rows, 50), ..Dataset::default() };
        let mut bench = Bench::gathering(sizing(few_blocks), dataset);
        let output = bench.array(vec![0xFF; rows * format.bytes()], Kind::Exact, false);
        bench.check(&Kernel::GatherTargets(GatherTargets { output, rows, format }), NONE);
    }

    #[test]
    fn kernels_that_move_numbers(elements in size(), shifted in any::<[bool; 2]>(), few_blocks: bool) {
        let mut bench = bench(few_blocks);
        let input = bench.numbers(elements, shifted[0]);
        let (sum, copy) = (bench.numbers(elements, shifted[1]), bench.output(elements, shifted[1]));
        let filled = bench.output(elements, shifted[1]);
        bench.check(&Accumulate { input, output: sum, elements }.into(), NONE);
        bench.check(&Copy { input, output: copy, elements }.into(), NONE);
        bench.check(&Constant { output: filled, data: ConstantData::Fill(0.3, elements) }.into(), NONE);
    }
}

#[test]
fn long_rows_are_reduced_like_short_ones() {
    for (outer, reduced, inner) in [(1, 5000, 1), (3, 1025, 1), (1, 1024, 10)] {
        for reduction in REDUCTIONS {
            let mut bench = bench(true);
            let (input, output) =
                (bench.numbers(outer * reduced * inner, true), bench.output(outer * inner, false));
            bench.check(&Kernel::Reduce(Reduce { reduction, input, output, outer, reduced, inner }), SUMS);
        }
    }
}

/// Rates and corrections are rounded from f64, so the bits are those of the CPU, except the cosine's.
#[test]
fn steps_begin_with_the_rates_of_every_schedule() {
    let rates = [
        Schedule::Constant { learning_rate: 0.3 },
        Schedule::Step { learning_rate: 0.3, factor: 0.9, every: 5 },
        Schedule::Step { learning_rate: 0.3, factor: 0.9, every: 0 },
        Schedule::Cosine { learning_rate: 0.3, minimum: 0.1, steps: 60 },
        Schedule::Cosine { learning_rate: 0.3, minimum: 0.1, steps: 40 },
        Schedule::Cosine { learning_rate: 0.3, minimum: 0.1, steps: 0 },
        Schedule::one_cycle(0.3, 60),
        Schedule::one_cycle(0.3, 150),
        Schedule::one_cycle(0.3, 0),
    ];
    let with_warmup = |schedule: Schedule| [0, 30, 41, 200].map(|steps| schedule.after_warmup(steps));
    for learning_rate in rates.into_iter().flat_map(with_warmup) {
        for optimizer in [Optimizer::sgd(), Optimizer::adam(), Optimizer::adamw()] {
            let mut bench = bench(false);
            let step_block = step_block(&mut bench);
            bench.check(&Kernel::Advance(Advance { step_block, learning_rate, optimizer }), NONE);
            bench.check(&Proceed { step_block, rows: 29 }.into(), NONE);
        }
    }
}
