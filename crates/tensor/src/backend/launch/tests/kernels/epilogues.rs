//! Products with everything that can be done to them before they are stored.

use super::FORMULAS;
use crate::backend::launch::formula::Formula;
use crate::backend::launch::kernels::gemm::{Gemm, Step};
use crate::backend::launch::kernels::map::Map;
use crate::backend::launch::lowering::{Job, Sizing, StepBuilder};
use crate::backend::launch::orders::Order;
use crate::backend::launch::shared::Address;
use crate::backend::launch::tile::Tile;
use crate::ir::MAX_RANK;
use crate::ir::kernel::MapOp;
use crate::random::uniform;
use crate::testing::emulator;

/// Numbers on a multiple of 16 bytes.
struct Array(Vec<u128>);

impl Array {
    fn new(stream: u32, count: usize) -> Array {
        let mut array = Array(vec![0; count.div_ceil(4)]);
        for (i, x) in array.numbers().iter_mut().enumerate() {
            *x = uniform(5, stream, i as u64, -1.0, 1.0);
        }
        array
    }

    fn numbers(&mut self) -> &mut [f32] {
        bytemuck::cast_slice_mut(&mut self.0)
    }

    fn address(&self) -> Address {
        self.0.as_ptr() as Address
    }
}

/// Runs a job on the emulator; `None` without one.
fn run(job: Job) -> Option<()> {
    let emulator = emulator(0)?;
    let mut step = StepBuilder::new(Sizing { most_blocks: 2, ..Sizing::default() });
    step.push(job);
    step.finish_stage();
    for order in step.into_orders() {
        let Order::Launch(launch) = order else { unreachable!("a job is a launch") };
        // SAFETY: the arrays live and have the sizes that the jobs below name.
        unsafe { emulator.launch(&launch).unwrap() };
    }
    Some(())
}

/// x = formula(x, y) by a kernel that does nothing else.
fn map(op: MapOp, x: &mut Array, y: &Array, elements: usize) -> Option<()> {
    let (formula, [scale, shift]) = Formula::of(op);
    let mut strides = [0; MAX_RANK];
    strides[0] = 1;
    let mut dims = [1; MAX_RANK];
    dims[0] = elements as u64;
    let work = Map {
        x: x.address().into(),
        y: y.address().into(),
        output: x.address().into(),
        elements: elements as u64,
        dims,
        x_strides: strides,
        y_strides: strides,
        rank: 1,
        formula,
        scale,
        shift,
        vector: 0,
    };
    run(Job::by_element(work, elements))
}

/// Device code tells them apart by their numbers.
#[test]
fn formulas_that_finish_products_come_first() {
    for op in FORMULAS {
        let comes_first = Formula::of(op).0 as u32 <= Formula::GeluGrad as u32;
        assert_eq!(comes_first, op.finishes_products(), "{op:?}");
    }
}

/// The same functions are applied to the same sums, so the bits are the same.
#[test]
fn a_product_finished_by_formulas_has_the_bits_of_formulas_of_the_product() {
    let affine = MapOp::Affine { scale: 1.5, shift: -0.25 };
    for (number, tile) in Tile::ALL.into_iter().enumerate() {
        let finishing = FORMULAS.into_iter().filter(|op| op.finishes_products());
        for (op, [m, n, k]) in finishing.zip([[70, 36, 20], [33, 21, 70], [129, 132, 9]].into_iter().cycle())
        {
            let [a, b, bias, other] = [m * k, k * n, n, m * n].map(|count| Array::new(number as u32, count));
            let [mut expected, mut found] = [(); 2].map(|()| Array::new(9, m * n));
            let product = |c: &Array, bias: Address, ops: &[MapOp]| {
                let steps = [0, 1].map(|i| {
                    let (formula, [scale, shift]) = Formula::of(*ops.get(i).unwrap_or(&MapOp::Add));
                    Step { other: other.address().into(), formula, scale, shift }
                });
                let vector = u32::from(n % 4 == 0);
                let work = Gemm {
                    a: a.address().into(),
                    b: b.address().into(),
                    c: c.address().into(),
                    bias: bias.into(),
                    sums: 0.into(),
                    m: m as u64,
                    n: n as u64,
                    k: k as u64,
                    steps,
                    step_count: ops.len() as u32,
                    tile,
                    transpose_a: 0,
                    accumulate: 0,
                    accumulate_sums: 0,
                    vector_a: u32::from(k % 4 == 0),
                    vector_b: vector,
                    vector_c: vector,
                };
                let job = Job::new(work, tile.count(m as u64, n as u64));
                run(job.with_tile(tile))
            };
            if product(&expected, bias.address(), &[]).is_none() {
                return;
            }
            map(op, &mut expected, &other, m * n);
            map(affine, &mut expected, &other, m * n);
            product(&found, bias.address(), &[op, affine]);
            let bits =
                |array: &mut Array| array.numbers()[..m * n].iter().map(|x| x.to_bits()).collect::<Vec<_>>();
            assert!(bits(&mut found) == bits(&mut expected), "{op:?} of {m} × {k} × {n} in {tile:?} tiles");
        }
    }
}
