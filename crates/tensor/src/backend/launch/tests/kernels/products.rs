//! Products: every tile, flag and tail.

use proptest::prelude::*;

use super::{Bench, Kind, SUMS, Tolerance, size};
use crate::backend::launch::lowering::Sizing;
use crate::backend::launch::tile::Tile;
use crate::ir::kernel::{Epilogue, EpilogueStep, Gemm, Left, MapOp, Sink};
use crate::ir::{Kernel, Value};
use crate::random::uniform;

#[derive(Clone, Debug)]
struct Product {
    dims: [usize; 3],
    tile: fn(&Gemm) -> Tile,
    transpose_a: bool,
    bias: bool,
    formulas: Vec<MapOp>,
    sums: bool,
    accumulate: [bool; 2],
    shifted: [bool; 4],
    few_blocks: bool,
}

/// Formulas that do not magnify the differences between sums in different orders.
const FINISHING: [MapOp; 12] = [
    MapOp::Add,
    MapOp::Sub,
    MapOp::Mul,
    MapOp::Affine { scale: 0.5, shift: -0.25 },
    MapOp::Relu,
    MapOp::ReluGrad,
    MapOp::Tanh,
    MapOp::TanhGrad,
    MapOp::Sigmoid,
    MapOp::SigmoidGrad,
    MapOp::Gelu,
    MapOp::GeluGrad,
];

/// Sums of a few hundred numbers around 1, which may be as large as 10 before a formula makes them small.
const FINISHED: Tolerance = Tolerance { share: 3e-6, of_at_least: 10.0 };

/// The formulas of one operand.
fn is_unary(op: MapOp) -> bool {
    matches!(op, MapOp::Affine { .. } | MapOp::Relu | MapOp::Tanh | MapOp::Sigmoid | MapOp::Gelu)
}

/// Tiles are forced, so that even the largest is used for products that are small enough for an emulator.
fn product() -> impl Strategy<Value = Product> {
    let tile = prop_oneof![
        Just((|_: &Gemm| Tile::Narrow) as fn(&Gemm) -> Tile),
        Just((|_: &Gemm| Tile::Sliced) as fn(&Gemm) -> Tile),
        Just((|_: &Gemm| Tile::Small) as fn(&Gemm) -> Tile),
        Just((|_: &Gemm| Tile::Medium) as fn(&Gemm) -> Tile),
        Just((|_: &Gemm| Tile::Broad) as fn(&Gemm) -> Tile),
        Just((|_: &Gemm| Tile::Large) as fn(&Gemm) -> Tile),
        Just(Tile::of as fn(&Gemm) -> Tile),
    ];
    let flags = (any::<bool>(), any::<bool>(), any::<[bool; 2]>(), any::<[bool; 4]>(), any::<bool>());
    let epilogue = (any::<bool>(), prop::collection::vec(prop::sample::select(&FINISHING), 0..=2));
    ([size(), size(), size()], tile, flags, epilogue).prop_map(
        |(dims, tile, (transpose_a, sums, accumulate, shifted, few_blocks), (bias, formulas))| Product {
            dims,
            tile,
            transpose_a,
            bias,
            formulas,
            sums,
            accumulate,
            shifted,
            few_blocks,
        },
    )
}

/// Sums that are stored, or added to what is there.
fn sink(accumulate: bool, value: Value) -> Sink {
    if accumulate { Sink::Add(value) } else { Sink::Store(value) }
}

impl Product {
    fn check(&self) {
        let [m, n, k] = self.dims;
        let most_blocks = if self.few_blocks { 2 } else { 4096 };
        let mut bench = Bench::new(Sizing { tile: self.tile, most_blocks });
        let (a, b) = (bench.numbers(m * k, self.shifted[0]), bench.numbers(k * n, self.shifted[1]));
        let mut written = |count, read| match read {
            true => bench.numbers(count, self.shifted[2]),
            false => bench.output(count, self.shifted[2]),
        };
        let [adds, adds_sums] = self.accumulate;
        let c = sink(adds, written(m * n, adds));
        let column_sum = self.sums.then(|| sink(adds_sums, written(n, adds_sums)));
        let bias = self.bias.then(|| bench.numbers(n, self.shifted[3]));
        let mut epilogue = Epilogue { bias, ..Epilogue::default() };
        for &formula in &self.formulas {
            let other = (!is_unary(formula)).then(|| bench.numbers(m * n, self.shifted[3]));
            epilogue = epilogue.then(EpilogueStep { formula, other }).unwrap();
        }
        let transpose_a = self.transpose_a;
        let a = Left::Value(a);
        let gemm = Gemm { a, b, c, m, n, k, transpose_a, epilogue, column_sum };
        bench.check(&Kernel::Gemm(gemm), if self.formulas.is_empty() { SUMS } else { FINISHED });
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn products_of_every_tile_flag_and_tail(product in product()) {
        product.check();
    }
}

#[test]
fn products_of_whole_tiles_and_long_sums() {
    let tiles: [fn(&Gemm) -> Tile; 3] = [|_| Tile::Large, |_| Tile::Broad, Tile::of];
    for (dims, tile) in [[128, 128, 256], [128, 128, 64], [64, 128, 784]].into_iter().zip(tiles) {
        let (shifted, accumulate) = ([false; 4], [false; 2]);
        let product = Product {
            dims,
            tile,
            transpose_a: false,
            bias: true,
            formulas: vec![MapOp::Relu],
            sums: false,
            accumulate,
            shifted,
            few_blocks: false,
        };
        product.check();
        let dims = [dims[2], dims[1], dims[0]];
        Product { dims, transpose_a: true, bias: false, formulas: Vec::new(), sums: true, ..product }.check();
    }
}

/// The scores of a sample must not depend on how many are computed with it.
#[test]
fn tiles_that_slice_alike_give_the_same_bits() {
    let tiles: [fn(&Gemm) -> Tile; 6] = [
        |_| Tile::Narrow,
        |_| Tile::Sliced,
        |_| Tile::Small,
        |_| Tile::Medium,
        |_| Tile::Broad,
        |_| Tile::Large,
    ];
    let product = |tile: fn(&Gemm) -> Tile| {
        let mut bench = Bench::new(Sizing { tile, ..Sizing::default() });
        let (m, n, k) = (37, 21, 300);
        let (a, b, c) =
            (bench.numbers(m * k, false), bench.numbers(k * n, false), bench.output(m * n, false));
        let gemm = Gemm {
            a: Left::Value(a),
            b,
            c: Sink::Store(c),
            m,
            n,
            k,
            transpose_a: false,
            epilogue: Epilogue::default(),
            column_sum: None,
        };
        bench.on_emulator(&Kernel::Gemm(gemm), 0)
    };
    let [narrow, sliced, small, medium, broad, large] = tiles.map(product);
    assert!(narrow == sliced && small == medium && medium == broad && broad == large);
}

/// x rounded to 10 bits of mantissa, ties away from zero.
fn rounded(x: f32) -> f32 {
    f32::from_bits((x.to_bits() + 0x1000) & !0x1FFF)
}

/// In TF32 a product is that of the rounded operands, and the column sums are those of the operands as they are.
#[test]
fn products_on_tensor_cores_round_their_operands() {
    let shapes = [
        ([1, 1, 1], false),
        ([130, 129, 20], true),
        ([70, 132, 68], false),
        ([200, 50, 33], false),
        ([33, 270, 40], false),
        ([5, 140, 0], true),
    ];
    for ((dims, shifted), flags) in shapes.into_iter().zip(0u32..) {
        for transpose_a in [false, true] {
            let [m, n, k] = dims;
            let sizing = Sizing { tile: |_| Tile::Tensor, most_blocks: 2 };
            let build = |round: bool| {
                let mut bench = Bench::new(sizing);
                let mut operand = |stream: u32, count: usize| {
                    let number = |i| uniform(8, stream, i, -1.0, 1.0);
                    let numbers =
                        (0..count as u64).map(|i| if round { rounded(number(i)) } else { number(i) });
                    bench.array(numbers.flat_map(f32::to_ne_bytes).collect(), Kind::Numbers, shifted)
                };
                let (a, b) = (operand(0, m * k), operand(1, k * n));
                let accumulate = flags % 2 == 1;
                let c = if accumulate { bench.numbers(m * n, shifted) } else { bench.output(m * n, shifted) };
                let column_sum = Some(bench.output(n, shifted));
                let epilogue = match flags % 4 {
                    0 => Epilogue::default(),
                    1 => with_bias(bench.numbers(n, shifted), None),
                    2 => with_bias(bench.numbers(n, shifted), Some(MapOp::Relu)),
                    _ => with_mask(bench.numbers(m * n, shifted)),
                };
                let gemm = Gemm {
                    a: Left::Value(a),
                    b,
                    c: sink(accumulate, c),
                    m,
                    n,
                    k,
                    transpose_a,
                    epilogue,
                    column_sum: column_sum.map(Sink::Store),
                };
                (bench, Kernel::Gemm(gemm), c, column_sum)
            };
            let (exact, exact_gemm, _, _) = build(true);
            let (bench, gemm, c, sums) = build(false);
            let expected = exact.on_cpu(&exact_gemm);
            let sums_expected = bench.on_cpu(&gemm);
            let sums = sums.unwrap().index();
            let found = [(bench.on_emulator(&gemm, 3), "emulator"), (bench.on_gpu(&gemm), "GPU")];
            for (found, place) in found.into_iter().filter_map(|(found, place)| Some((found?, place))) {
                let context = format!("{gemm} on the {place}");
                bench.assert_close(c.index(), &found[c.index()], &expected[c.index()], SUMS, &context);
                bench.assert_close(sums, &found[sums], &sums_expected[sums], SUMS, &context);
            }
        }
    }
}

fn with_bias(bias: Value, formula: Option<MapOp>) -> Epilogue {
    let step = formula.map(|formula| EpilogueStep { formula, other: None });
    Epilogue { bias: Some(bias), steps: [step, None] }
}

fn with_mask(y: Value) -> Epilogue {
    let step = EpilogueStep { formula: MapOp::ReluGrad, other: Some(y) };
    Epilogue { bias: None, steps: [Some(step), None] }
}
