//! Products by tiles: the bits of the model, and errors no larger than those of vectors.

use ndarray::Array2;
use proptest::prelude::*;

use super::{SIDE, STEPS, Tiles};
use crate::backend::cpu::{Cpu, CpuOptions, InstructionSet};
use crate::random::uniform;
use crate::{
    DType, Graph, Inputs, Parameters, Plan, SampleFormat, Samples, Session, Shape, Source, State, Targets,
};

/// A first operand and a second one.
#[derive(Clone, Debug)]
struct Product {
    a: Left,
    b: Array2<f32>,
}

#[derive(Clone, Debug)]
enum Left {
    Numbers(Array2<f32>),
    /// Pixels, by sample, of channels that are each scaled and shifted.
    Pixels {
        pixels: Array2<u8>,
        scale: Vec<f32>,
        shift: Vec<f32>,
    },
}

impl Product {
    /// What an instruction set makes of it.
    fn on(&self, set: InstructionSet, threads: usize, inputs: Inputs) -> Vec<f32> {
        let options = CpuOptions::default().threads(threads).instruction_set(set);
        let (backend, graph) = (Cpu::open(options).unwrap(), Graph::new());
        let b = graph.constant(self.b.clone()).unwrap();
        let (a, source) = match &self.a {
            Left::Numbers(a) => (graph.constant(a.clone()).unwrap(), None),
            Left::Pixels { pixels, scale, shift } => {
                let (rows, width) = pixels.dim();
                let shape = Shape::new(&[scale.len(), width / scale.len()]).unwrap();
                let format = SampleFormat::new(shape, DType::U8).normalized(scale.clone(), shift.clone());
                let samples = Samples::U8(pixels.iter().copied().collect());
                let source = Source::new(samples, Targets::Classes(vec![0; rows]), width).unwrap();
                (graph.samples(&format, rows).unwrap().reshape(&[rows, width]).unwrap(), Some(source))
            }
        };
        let product = a.matmul(b).unwrap();
        let state = State::inference(&Parameters::new()).unwrap().with_inputs(inputs).unwrap();
        let plan = Plan::new(&graph, &state, &[product]).unwrap();
        let mut session = Session::new(&backend, vec![plan]).unwrap();
        match &source {
            None => session.run_once(0).unwrap(),
            Some(source) => {
                let rows: Vec<u32> = (0..source.len() as u32).collect();
                session.run(0, &source.batches(&rows).unwrap()).unwrap();
            }
        }
        session.read(0, product.id()).unwrap().into_iter().collect()
    }

    /// The first operand, exactly.
    fn a(&self) -> Array2<f64> {
        match &self.a {
            Left::Numbers(a) => a.mapv(f64::from),
            Left::Pixels { pixels, scale, shift } => {
                let channel = |j| j / (pixels.ncols() / scale.len());
                let of = |(i, j)| {
                    let line = [scale, shift].map(|numbers| f64::from(numbers[channel(j)]));
                    f64::from(pixels[(i, j)]) * line[0] + line[1]
                };
                Array2::from_shape_fn(pixels.dim(), of)
            }
        }
    }

    /// Largest and mean error, as shares of Σ |a| |b|.
    fn errors(&self, found: &[f32]) -> [f64; 2] {
        let (a, b) = (self.a(), self.b.mapv(f64::from));
        let (exact, most) = (a.dot(&b), a.mapv(f64::abs).dot(&b.mapv(f64::abs)));
        let share = |((found, exact), most): ((&f32, &f64), &f64)| (f64::from(*found) - exact).abs() / most;
        let errors: Vec<f64> = found.iter().zip(&exact).zip(&most).map(share).collect();
        assert!(errors.iter().all(|error| error.is_finite()), "{errors:?}");
        [errors.iter().copied().fold(0.0, f64::max), errors.iter().sum::<f64>() / errors.len() as f64]
    }

    /// Whether it is large enough for tiles: others are left to vectors, which differ.
    fn fits(&self) -> bool {
        self.b.nrows() >= STEPS && self.b.ncols() >= SIDE
    }

    /// What an f32 chain of as many steps may be off, to first order: one rounding for every step, and one of an operand.
    fn bound(&self) -> f64 {
        (self.b.nrows() + 2) as f64 * 2.0_f64.powi(-24)
    }
}

fn numbers(stream: u32, (rows, columns): (usize, usize), scale: f32) -> Array2<f32> {
    Array2::from_shape_fn((rows, columns), |(i, j)| {
        uniform(9, stream, (i * columns + j) as u64, -scale, scale)
    })
}

/// Pixels of at least `least`.
fn pixels((rows, width): (usize, usize), channels: usize, least: u8) -> Left {
    let pixel = |(i, j)| uniform(9, 3, (i * width + j) as u64, f32::from(least), 255.99) as u8;
    // Normalised as MNIST is; another channel otherwise.
    let scale = (0..channels).map(|c| 1.0 / 255.0 / (0.3081 + 0.1 * c as f32)).collect();
    let shift = (0..channels).map(|c| -0.1307 / 0.3081 - 0.5 * c as f32).collect();
    Left::Pixels { pixels: Array2::from_shape_fn((rows, width), pixel), scale, shift }
}

fn products() -> impl Strategy<Value = Product> {
    let sizes = (1usize..90, 1usize..150, 1usize..330, any::<bool>(), 1usize..4);
    sizes.prop_map(|(m, n, k, of_pixels, channels)| {
        let k = k.next_multiple_of(channels);
        let a = if of_pixels { pixels((m, k), channels, 0) } else { Left::Numbers(numbers(1, (m, k), 1.0)) };
        Product { a, b: numbers(2, (k, n), 0.1) }
    })
}

fn has_tiles() -> bool {
    let has = InstructionSet::available().contains(&InstructionSet::Amx);
    if !has {
        eprintln!("SKIPPED: this processor has no tiles; their model is tested");
    }
    has
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn the_model_is_within_the_bound_of_vectors(product in products(), threads in 1usize..4) {
        let found = product.on(InstructionSet::Model, threads, Inputs::InPlace);
        prop_assert!(!product.fits() || product.errors(&found)[0] <= product.bound());
        prop_assert_eq!(&found, &product.on(InstructionSet::Model, 1, Inputs::Gathered));
    }

    #[test]
    fn tiles_have_the_bits_of_their_model(product in products(), threads in 1usize..4) {
        if product.fits() && has_tiles() {
            let found = product.on(InstructionSet::Amx, threads, Inputs::InPlace);
            prop_assert_eq!(found, product.on(InstructionSet::Model, 1, Inputs::InPlace));
        }
    }
}

#[test]
fn a_row_does_not_depend_on_the_others() {
    let product = Product { a: Left::Numbers(numbers(1, (300, 70), 1.0)), b: numbers(2, (70, 40), 1.0) };
    let Left::Numbers(a) = &product.a else { unreachable!() };
    let first = a.slice(ndarray::s![..1, ..]).to_owned();
    let alone = Product { a: Left::Numbers(first), b: product.b.clone() };
    let [all, one] = [product, alone].map(|product| product.on(InstructionSet::Model, 2, Inputs::InPlace));
    assert_eq!(all[..40], one);
}

/// Mean errors against those of AVX-512, where both are there; the model's bits are those of tiles.
#[test]
fn mean_errors_are_at_most_half_as_large_again_as_those_of_vectors() {
    let large = [(64, 784), (64, 3072), (64, 128)].map(|size| Left::Numbers(numbers(1, size, 1.0)));
    let small =
        [1e-9, 1e-20, 2.0_f32.powi(-100) * 1e10].map(|scale| Left::Numbers(numbers(1, (64, 784), scale)));
    let images = [(784, 1, 0), (784, 1, 200), (784, 1, 250), (3072, 3, 0), (3072, 3, 128)]
        .map(|(width, channels, least)| pixels((64, width), channels, least));
    for a in large.into_iter().chain(small).chain(images) {
        let k = match &a {
            Left::Numbers(a) => a.ncols(),
            Left::Pixels { pixels, .. } => pixels.ncols(),
        };
        let product = Product { a, b: numbers(2, (k, 128), 0.05) };
        let errors = |set| product.errors(&product.on(set, 1, Inputs::InPlace));
        let tiles = errors(InstructionSet::Model);
        assert!(tiles[0] <= product.bound(), "{tiles:?} > {}", product.bound());
        if InstructionSet::available().contains(&InstructionSet::Avx512) {
            let vectors = errors(InstructionSet::Avx512);
            assert!(tiles[1] <= 1.5 * vectors[1], "means: {} and {} of vectors", tiles[1], vectors[1]);
        } else {
            eprintln!("SKIPPED: no AVX-512 to compare mean errors with");
        }
    }
}

/// Infinities and what is not a number come out as they do of vectors; large numbers stay finite.
#[test]
fn what_is_not_finite_stays_so() {
    let with = |x: f32| {
        let mut b = numbers(2, (64, 32), 1.0);
        b[(5, 7)] = x;
        let product = Product { a: Left::Numbers(numbers(1, (16, 64), 1.0).mapv(f32::abs)), b };
        product.on(InstructionSet::Model, 1, Inputs::InPlace)[7]
    };
    assert_eq!([with(f32::INFINITY), with(f32::NEG_INFINITY)], [f32::INFINITY, f32::NEG_INFINITY]);
    assert!(with(f32::NAN).is_nan());
    assert!(with(f32::MAX).is_finite());
}

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
/// Some products of tiles of plausible numbers, from the same sums.
unsafe fn tile_products<T: Tiles>(scale: f32) -> Vec<f32> {
    let number = |stream, i: usize| uniform(5, stream, i as u64, -scale, scale);
    let operand = |stream| -> Vec<u8> {
        (0..512).flat_map(|i| (number(stream, i).to_bits() >> 16).to_le_bytes()[..2].to_vec()).collect()
    };
    let (a, b) = (operand(1), operand(2));
    let mut sums: Vec<f32> = (0..256).map(|i| number(3, i) * scale).collect();
    // SAFETY: the caller's; all places are as large as a tile.
    unsafe {
        let mut tiles = T::begin();
        tiles.load::<4>(a.as_ptr());
        tiles.load::<7>(b.as_ptr());
        tiles.load_sums::<0>(sums.as_ptr(), SIDE);
        tiles.zero::<3>();
        tiles.multiply::<0, 4, 7>();
        tiles.multiply::<3, 4, 7>();
        tiles.multiply::<0, 4, 7>();
        tiles.store_sums::<0>(sums.as_mut_ptr(), SIDE);
        let mut others = vec![0.0; 256];
        tiles.store_sums::<3>(others.as_mut_ptr(), SIDE);
        sums.extend(others);
    }
    sums
}

#[test]
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
fn the_model_has_the_bits_of_the_processor() {
    if !super::Amx::is_available() {
        eprintln!("SKIPPED: this processor has no tiles");
        return;
    }
    for scale in [1.0, 1e-3, 1e10, 3e-20, 1e-30, 1e18] {
        // SAFETY: the processor has tiles, and their use is allowed.
        let (found, expected) =
            unsafe { (tile_products::<super::Amx>(scale), tile_products::<super::Model>(scale)) };
        let bits = |numbers: &[f32]| numbers.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&found), bits(&expected), "numbers up to {scale}");
    }
}
