//! Every kernel by its definition.

use super::Machine;
use crate::ir::kernel::{
    Accumulate, Advance, ArgMax, BatchedGemm, ClassShare, Columns, Constant, ConstantData, Copy,
    CrossEntropy, Dropout, Gather, GatherRows, GatherTargets, Gemm, Indices, Join, Left, Map, MapOp,
    MetricSums, Mse, Part, Permute, Pick, Proceed, Reduce, Reduction, RowScale, Samples, ScatterRows, Sink,
    Softmax, Target, Update, mask_words, row_at, threshold,
};
use crate::ir::{
    DType, MAX_RANK, MetricBlock, Numbers, Optimizer, Shape, StepBlock, TargetFormat, Value, power,
};
use crate::ops::activation::{normal_cdf, normal_pdf};

/// How this backend holds 64-bit numbers.
pub(super) const NUMBERS: Numbers = Numbers::Pairs;

/// A kernel that can be interpreted.
pub(super) trait Interpret {
    fn interpret(&self, machine: &mut Machine<'_>);
}

impl Machine<'_> {
    fn step_block(&self, value: Value) -> StepBlock {
        let bytes = self.read(value, StepBlock::BYTES);
        StepBlock::from_bytes(bytes.try_into().expect("read as many"), NUMBERS)
    }

    fn set_step_block(&mut self, value: Value, block: StepBlock) {
        self.write(value, &block.to_bytes(NUMBERS));
    }

    fn row_scale(&self, scale: RowScale, rows: usize) -> Vec<f64> {
        match scale {
            RowScale::Constant(scale) => vec![f64::from(scale); rows],
            RowScale::PerRow(value) => self.numbers(value, rows),
        }
    }
}

fn formula(op: MapOp, x: f64, y: f64) -> f64 {
    let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
    match op {
        MapOp::Add => x + y,
        MapOp::Sub => x - y,
        MapOp::Mul => x * y,
        MapOp::Div => x / y,
        MapOp::Affine { scale, shift } => f64::from(scale) * x + f64::from(shift),
        MapOp::Exp => x.exp(),
        MapOp::Ln => x.ln(),
        MapOp::Sqrt => x.sqrt(),
        MapOp::Relu if x.is_nan() => x,
        MapOp::Relu => x.max(0.0),
        MapOp::ReluGrad => {
            if y > 0.0 {
                x
            } else {
                0.0
            }
        }
        MapOp::Tanh => x.tanh(),
        MapOp::TanhGrad => x * (1.0 - y * y),
        MapOp::Sigmoid => sigmoid(x),
        MapOp::SigmoidGrad => x * y * (1.0 - y),
        MapOp::Gelu => x * normal_cdf(x),
        MapOp::GeluGrad => x * (normal_cdf(y) + y * normal_pdf(y)),
        MapOp::Abs => x.abs(),
        MapOp::Sign if x > 0.0 => 1.0,
        MapOp::Sign if x < 0.0 => -1.0,
        MapOp::Sign => x,
        MapOp::Clamp { min, max } => x.clamp(f64::from(min), f64::from(max)),
        MapOp::Within { min, max } => only_if((f64::from(min)..=f64::from(max)).contains(&y), x),
        MapOp::Pow { exponent } => x.powf(f64::from(exponent)),
        MapOp::Maximum | MapOp::Minimum if x.is_nan() || y.is_nan() => f64::NAN,
        MapOp::Maximum => x.max(y),
        MapOp::Minimum => x.min(y),
        MapOp::LargerShare if x < y => 0.0,
        MapOp::LargerShare => only_if(x == y, 0.5) + only_if(x != y, 1.0),
        MapOp::Greater => only_if(x > y, 1.0),
        MapOp::GreaterEqual => only_if(x >= y, 1.0),
        MapOp::Equal => only_if(x == y, 1.0),
        MapOp::Where => only_if(y != 0.0, x),
        MapOp::WhereNot => only_if(y == 0.0, x),
    }
}

fn only_if(holds: bool, x: f64) -> f64 {
    if holds { x } else { 0.0 }
}

/// The place in an operand of element `i` of `shape`.
fn place(i: usize, shape: &Shape, strides: &[usize; MAX_RANK]) -> usize {
    let (mut rest, mut place) = (i, 0);
    for (axis, &dim) in shape.dims().iter().enumerate().rev() {
        place += rest % dim * strides[axis];
        rest /= dim;
    }
    place
}

impl Interpret for Advance {
    fn interpret(&self, machine: &mut Machine<'_>) {
        let step = machine.step_block(self.step_block).step + 1;
        let learning_rate = self.learning_rate.at(step);
        let correction = |beta: f64| 1.0 - power(beta, step);
        let [first, second] =
            self.optimizer.betas().map_or([1.0; 2], |(first, second)| [first, second].map(correction));
        let block = StepBlock {
            step,
            seed: machine.step_block(self.step_block).seed,
            learning_rate: learning_rate as f32,
            step_size: (learning_rate / first) as f32,
            second_correction: (1.0 / second.sqrt()) as f32,
            first_row: 0,
        };
        machine.set_step_block(self.step_block, block);
    }
}

impl Interpret for Proceed {
    fn interpret(&self, machine: &mut Machine<'_>) {
        let mut block = machine.step_block(self.step_block);
        block.first_row += self.rows as u32;
        machine.set_step_block(self.step_block, block);
    }
}

impl Interpret for Gather {
    fn interpret(&self, machine: &mut Machine<'_>) {
        let numbers = machine.samples(&self.samples);
        machine.set_numbers(self.output, &numbers);
    }
}

impl Machine<'_> {
    /// The samples of the batch.
    fn samples(&self, samples: &Samples) -> Vec<f64> {
        let raw = self.batch.pick(&self.batch.samples, samples.width() * samples.dtype.size());
        let normalise = |(i, x): (usize, &f32)| {
            let channel = i / samples.pixels.max(1) % samples.channels;
            f64::from(*x) * f64::from(samples.scale[channel]) + f64::from(samples.shift[channel])
        };
        samples.dtype.decode_all(&raw).iter().enumerate().map(normalise).collect()
    }
}

impl Interpret for GatherTargets {
    fn interpret(&self, machine: &mut Machine<'_>) {
        let targets = machine.batch.pick(&machine.batch.targets, self.format.bytes());
        match self.format {
            TargetFormat::Class | TargetFormat::WideClass => machine.write(self.output, &targets),
            TargetFormat::Values(_) => {
                let values: Vec<f64> = DType::F32.decode_all(&targets).into_iter().map(f64::from).collect();
                machine.set_numbers(self.output, &values);
            }
        }
    }
}

impl Interpret for Constant {
    fn interpret(&self, machine: &mut Machine<'_>) {
        match &self.data {
            ConstantData::F32(values) => {
                let values: Vec<f64> = values.iter().copied().map(f64::from).collect();
                machine.set_numbers(self.output, &values);
            }
            ConstantData::U8(bytes) => machine.write(self.output, bytes),
            ConstantData::Fill(value, count) => {
                machine.set_numbers(self.output, &vec![f64::from(*value); *count])
            }
        }
    }
}

impl Interpret for Copy {
    fn interpret(&self, machine: &mut Machine<'_>) {
        let numbers = machine.numbers(self.input, self.elements);
        machine.set_numbers(self.output, &numbers);
    }
}

impl Interpret for Accumulate {
    fn interpret(&self, machine: &mut Machine<'_>) {
        let added = machine.numbers(self.input, self.elements);
        let sums: Vec<f64> =
            machine.numbers(self.output, self.elements).iter().zip(added).map(|(a, b)| a + b).collect();
        machine.set_numbers(self.output, &sums);
    }
}

impl Interpret for Gemm {
    fn interpret(&self, machine: &mut Machine<'_>) {
        let (m, n, k) = (self.m, self.n, self.k);
        let a = match &self.a {
            Left::Value(a) | Left::Gathered(a, _) => machine.numbers(*a, m * k),
            Left::Samples(samples) => machine.samples(samples),
        };
        let a = machine.factors(a);
        let summed = machine.numbers(self.b, k * n);
        let b = machine.factors(summed.clone());
        let mut c = machine.begin(&self.c, m * n);
        let element = |i: usize, p: usize| if self.transpose_a { a[p * m + i] } else { a[i * k + p] };
        for (i, row) in c.chunks_mut(n.max(1)).enumerate() {
            for (j, sum) in row.iter_mut().enumerate() {
                *sum += (0..k).map(|p| element(i, p) * b[p * n + j]).sum::<f64>();
            }
        }
        if let Some(sums) = &self.column_sum {
            let mut totals = machine.begin(sums, n);
            for row in summed.chunks(n.max(1)) {
                totals.iter_mut().zip(row).for_each(|(total, x)| *total += x);
            }
            machine.end(sums, &totals);
        }
        if let Some(bias) = self.epilogue.bias {
            let bias = machine.numbers(bias, n);
            c.iter_mut().enumerate().for_each(|(i, x)| *x += bias[i % n]);
        }
        for step in self.epilogue.steps() {
            let other = step.other.map_or_else(|| vec![0.0; m * n], |other| machine.numbers(other, m * n));
            c.iter_mut().zip(other).for_each(|(x, y)| *x = formula(step.formula, *x, y));
        }
        machine.end(&self.c, &c);
    }
}

impl Interpret for BatchedGemm {
    fn interpret(&self, machine: &mut Machine<'_>) {
        let (m, n, k) = (self.m, self.n, self.k);
        let [a, b] = [(self.a, m * k), (self.b, k * n)]
            .map(|(value, size)| machine.factors(machine.numbers(value, self.batch * size)));
        let element = |c: usize| {
            let (item, i, j) = (c / (m * n), c / n % m, c % n);
            let (a, b) = (&a[item * m * k..], &b[item * k * n..]);
            (0..k).map(|p| if self.transpose_a { a[p * m + i] } else { a[i * k + p] } * b[p * n + j]).sum()
        };
        let products: Vec<f64> = (0..self.batch * m * n).map(element).collect();
        machine.set_numbers(self.c, &products);
    }
}

impl Machine<'_> {
    /// What sums begin with.
    fn begin(&self, sink: &Sink, count: usize) -> Vec<f64> {
        match sink {
            Sink::Add(value) => self.numbers(*value, count),
            Sink::Store(_) | Sink::Update(_) => vec![0.0; count],
        }
    }

    /// Puts sums where they go.
    fn end(&mut self, sink: &Sink, sums: &[f64]) {
        match sink {
            Sink::Store(value) | Sink::Add(value) => self.set_numbers(*value, sums),
            Sink::Update(target) => self.update(target, sums.to_vec()),
        }
    }
}

impl Interpret for Map {
    fn interpret(&self, machine: &mut Machine<'_>) {
        let elements = self.shape.elements();
        let operand = |i: usize| -> Vec<f64> {
            let places: Vec<usize> =
                (0..elements).map(|e| place(e, &self.shape, &self.inputs[i].strides)).collect();
            let count = places.iter().max().map_or(0, |last| last + 1);
            let numbers = machine.numbers(self.inputs[i].value, count);
            places.into_iter().map(|place| numbers[place]).collect()
        };
        let numbers: Vec<f64> =
            operand(0).into_iter().zip(operand(1)).map(|(x, y)| formula(self.op, x, y)).collect();
        machine.set_numbers(self.output, &numbers);
    }
}

impl Interpret for Reduce {
    fn interpret(&self, machine: &mut Machine<'_>) {
        let input = machine.numbers(self.input, self.outer * self.reduced * self.inner);
        let mut output = Vec::with_capacity(self.outer * self.inner);
        for outer in 0..self.outer {
            for inner in 0..self.inner {
                let along = (0..self.reduced).map(|i| input[(outer * self.reduced + i) * self.inner + inner]);
                output.push(match self.reduction {
                    Reduction::Sum => along.sum(),
                    Reduction::SquareSum => along.map(|x| x * x).sum(),
                    Reduction::Max => {
                        along.fold(f64::NEG_INFINITY, |a, b| if a > b || a.is_nan() { a } else { b })
                    }
                });
            }
        }
        machine.set_numbers(self.output, &output);
    }
}

/// ln Σ e^x, without overflow.
fn log_sum(row: &[f64]) -> f64 {
    let max = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    max + row.iter().map(|x| (x - max).exp()).sum::<f64>().ln()
}

impl Interpret for Softmax {
    fn interpret(&self, machine: &mut Machine<'_>) {
        let mut numbers = machine.numbers(self.input, self.rows * self.columns);
        for row in numbers.chunks_mut(self.columns.max(1)) {
            let log_sum = log_sum(row);
            row.iter_mut().for_each(|x| *x = if self.log { *x - log_sum } else { (*x - log_sum).exp() });
        }
        machine.set_numbers(self.output, &numbers);
    }
}

impl Interpret for CrossEntropy {
    fn interpret(&self, machine: &mut Machine<'_>) {
        let logits = machine.numbers(self.logits, self.rows * self.columns);
        let labels = machine.labels(self.labels, self.rows, self.columns);
        let scales = machine.row_scale(self.scale, self.rows);
        let (mut losses, mut gradient) = (Vec::new(), Vec::new());
        let ClassShare { hit, spread, weights } = self.share;
        let (hit, spread) = (f64::from(hit), f64::from(spread));
        let weights = weights.map_or(vec![1.0; self.columns], |value| machine.numbers(value, self.columns));
        for ((row, &label), scale) in logits.chunks(self.columns.max(1)).zip(&labels).zip(scales) {
            let log_sum = log_sum(row);
            let share = |j: usize| spread * weights[j] + if j == label { hit * weights[j] } else { 0.0 };
            let shares: Vec<f64> = (0..self.columns).map(share).collect();
            let costs = row.iter().zip(&shares).filter(|(_, share)| **share != 0.0);
            let loss = costs.map(|(x, share)| share * (log_sum - x)).sum();
            losses.push(if label < self.columns { loss } else { f64::NAN });
            let mass: f64 = shares.iter().sum();
            let of = |(x, share): (&f64, &f64)| ((x - log_sum).exp() * mass - share) * scale;
            gradient.extend(row.iter().zip(&shares).map(of));
        }
        self.losses.into_iter().for_each(|value| machine.set_numbers(value, &losses));
        self.dlogits.into_iter().for_each(|value| machine.set_numbers(value, &gradient));
    }
}

impl Interpret for Mse {
    fn interpret(&self, machine: &mut Machine<'_>) {
        let count = self.rows * self.columns;
        let (p, t) = (machine.numbers(self.prediction, count), machine.numbers(self.target, count));
        let scales = machine.row_scale(self.scale, self.rows);
        let width = self.columns as f64;
        let errors: Vec<f64> = p.iter().zip(&t).map(|(p, t)| p - t).collect();
        let losses: Vec<f64> = errors
            .chunks(self.columns.max(1))
            .map(|row| row.iter().map(|e| e * e).sum::<f64>() / width)
            .collect();
        let gradient: Vec<f64> =
            errors.iter().enumerate().map(|(i, e)| 2.0 / width * e * scales[i / self.columns]).collect();
        self.losses.into_iter().for_each(|value| machine.set_numbers(value, &losses));
        self.dprediction.into_iter().for_each(|value| machine.set_numbers(value, &gradient));
    }
}

impl Interpret for Pick {
    fn interpret(&self, machine: &mut Machine<'_>) {
        let values = machine.numbers(self.values, self.classes);
        let labels = machine.labels(self.labels, self.rows, self.classes);
        let of = |&label: &usize| values.get(label).copied().unwrap_or(f64::NAN);
        let numbers: Vec<f64> = labels.iter().map(of).collect();
        machine.set_numbers(self.output, &numbers);
    }
}

impl Interpret for Permute {
    fn interpret(&self, machine: &mut Machine<'_>) {
        let elements = self.shape.elements();
        let input = machine.numbers(self.input, elements);
        let output: Vec<f64> = (0..elements).map(|i| input[place(i, &self.shape, &self.strides)]).collect();
        machine.set_numbers(self.output, &output);
    }
}

impl Interpret for Join {
    fn interpret(&self, machine: &mut Machine<'_>) {
        let mut output = Vec::with_capacity(self.rows * self.columns());
        for row in 0..self.rows {
            for Part { columns, width } in &self.parts {
                match *columns {
                    Columns::Number(x) => output.extend(vec![f64::from(x); *width]),
                    Columns::Of { value, first, columns } => {
                        let start = row * columns + first;
                        output.extend(&machine.numbers(value, start + width)[start..]);
                    }
                }
            }
        }
        machine.set_numbers(self.output, &output);
    }
}

impl Machine<'_> {
    /// The rows that indices name, of so many.
    fn rows(&self, indices: &Indices, rows: usize) -> Vec<Option<usize>> {
        self.numbers(indices.value, indices.count).into_iter().map(|x| row_at(x as f32, rows)).collect()
    }
}

impl Interpret for GatherRows {
    fn interpret(&self, machine: &mut Machine<'_>) {
        let table = machine.numbers(self.table, self.rows * self.columns);
        let row = |row: Option<usize>| match row {
            Some(row) => table[row * self.columns..][..self.columns].to_vec(),
            None => vec![f64::NAN; self.columns],
        };
        let numbers: Vec<f64> = machine.rows(&self.indices, self.rows).into_iter().flat_map(row).collect();
        machine.set_numbers(self.output, &numbers);
    }
}

impl Interpret for ScatterRows {
    fn interpret(&self, machine: &mut Machine<'_>) {
        let input = machine.numbers(self.input, self.indices.count * self.columns);
        let mut sums = vec![0.0; self.rows * self.columns];
        for (i, row) in machine.rows(&self.indices, self.rows).into_iter().enumerate() {
            let Some(row) = row else { continue };
            for column in 0..self.columns {
                sums[row * self.columns + column] += input[i * self.columns + column];
            }
        }
        machine.set_numbers(self.output, &sums);
    }
}

impl Interpret for ArgMax {
    fn interpret(&self, machine: &mut Machine<'_>) {
        let scores = machine.numbers(self.input, self.rows * self.columns);
        let labels = self.labels.map(|labels| machine.labels(labels, self.rows, self.columns));
        let answer = |row: usize| {
            let scores = &scores[row * self.columns..(row + 1) * self.columns];
            let larger = |best: usize, i: usize| {
                if scores[i] > scores[best] || scores[i].is_nan() && !scores[best].is_nan() {
                    i
                } else {
                    best
                }
            };
            let best = (0..self.columns).fold(0, larger);
            match &labels {
                None => best as f64,
                Some(labels) => {
                    let is_right = best == labels[row];
                    f64::from(is_right && !scores.iter().any(|x| x.is_nan()))
                }
            }
        };
        let answers: Vec<f64> = (0..self.rows).map(answer).collect();
        machine.set_numbers(self.output, &answers);
    }
}

impl Interpret for Dropout {
    fn interpret(&self, machine: &mut Machine<'_>) {
        let StepBlock { step, seed, first_row, .. } = machine.step_block(self.step_block);
        let mut numbers = machine.numbers(self.input, self.rows * self.units);
        for (i, x) in numbers.iter_mut().enumerate() {
            let (row, unit) = (i / self.units, i % self.units);
            let position = u64::from(first_row) + row as u64;
            let words = mask_words(seed, self.layer, step, position, (unit / 4) as u32);
            let is_kept = words[unit % 4] >= threshold(self.rate);
            *x = if is_kept { *x / (1.0 - f64::from(self.rate)) } else { 0.0 };
        }
        machine.set_numbers(self.output, &numbers);
    }
}

impl Interpret for MetricSums {
    fn interpret(&self, machine: &mut Machine<'_>) {
        let bytes = machine.read(self.metrics, MetricBlock::BYTES);
        let mut block = MetricBlock::from_bytes(bytes.try_into().expect("read as many"), NUMBERS);
        if !self.continues {
            (block.last_sum, block.last_samples) = (0.0, 0);
        }
        let loss: f64 = machine.numbers(self.losses, self.rows).iter().sum();
        (block.loss_sum, block.last_sum) = (block.loss_sum + loss, block.last_sum + loss);
        block.samples += self.rows as u64;
        block.last_samples += self.rows as u64;
        if let Some(correct) = self.correct {
            let right = machine.numbers(correct, self.rows).into_iter().filter(|&x| x != 0.0);
            block.correct += right.count() as u64;
        }
        machine.write(self.metrics, &block.to_bytes(NUMBERS));
    }
}

impl Interpret for Update {
    fn interpret(&self, machine: &mut Machine<'_>) {
        let gradient = machine.numbers(self.gradient, self.elements);
        machine.update(&self.target, gradient);
    }
}

impl Machine<'_> {
    fn update(&mut self, target: &Target, mut g: Vec<f64>) {
        let (machine, elements) = (self, g.len());
        let block = machine.step_block(target.step_block);
        let [rate, size, correction] =
            [block.learning_rate, block.step_size, block.second_correction].map(f64::from);
        let mut p = machine.numbers(target.parameter, elements);
        let divisor = target.divisor.map_or(1.0, |divisor| machine.numbers(divisor, 1)[0]);
        g.iter_mut().for_each(|g| *g /= divisor);
        let mut moments: Vec<Vec<f64>> =
            target.moments.iter().flatten().map(|&value| machine.numbers(value, elements)).collect();
        let coupled = match target.optimizer {
            Optimizer::Sgd { weight_decay, .. } | Optimizer::Adam { weight_decay, .. } => weight_decay,
            Optimizer::AdamW { weight_decay, .. } => {
                p.iter_mut().for_each(|p| *p *= 1.0 - rate * weight_decay);
                0.0
            }
        };
        g.iter_mut().zip(&p).for_each(|(g, p)| *g += coupled * p);
        for (i, (p, g)) in p.iter_mut().zip(g).enumerate() {
            *p -= match target.optimizer {
                Optimizer::Sgd { momentum: 0.0, .. } => rate * g,
                Optimizer::Sgd { momentum, .. } => {
                    moments[0][i] = momentum * moments[0][i] + g;
                    rate * moments[0][i]
                }
                Optimizer::Adam { beta1, beta2, epsilon, .. }
                | Optimizer::AdamW { beta1, beta2, epsilon, .. } => {
                    moments[0][i] = beta1 * moments[0][i] + (1.0 - beta1) * g;
                    moments[1][i] = beta2 * moments[1][i] + (1.0 - beta2) * g * g;
                    size * moments[0][i] / (moments[1][i].sqrt() * correction + epsilon)
                }
            };
        }
        machine.set_numbers(target.parameter, &p);
        for (&value, moment) in target.moments.iter().flatten().zip(&moments) {
            machine.set_numbers(value, moment);
        }
    }
}
