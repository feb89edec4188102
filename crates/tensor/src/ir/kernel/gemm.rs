//! Matrix product with an epilogue: C\[m, n\] = epilogue(op(A)\[m, k\] · B\[k, n\]), and optionally the column sums of B.
//! A may be the samples of the batch, which no other kernel has gathered then. C, the gradient by a weight, may go straight
//! into the weight's update, and the sums into the bias's.

use std::fmt;

use super::describe::{Content, Describe, InPlace, Visit, product_operations};
use super::map::MapOp;
use super::samples::Samples;
use super::update::Target;
use crate::ir::{Access, DatasetNeeds, Value};

/// C = epilogue(op(A) · B)
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Gemm {
    pub(crate) a: Left,
    pub(crate) b: Value,
    pub(crate) c: Sink,
    pub(crate) m: usize,
    pub(crate) n: usize,
    pub(crate) k: usize,
    /// Whether A is stored as `[k, m]`.
    pub(crate) transpose_a: bool,
    pub(crate) epilogue: Epilogue,
    /// Σₖ B\[k, ·\]: a bias gradient that needs no extra pass.
    pub(crate) column_sum: Option<Sink>,
}

/// The first operand of a product.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Left {
    /// A value.
    Value(Value),
    /// The samples of the batch, a row each, as the dataset has them.
    Samples(Samples),
    /// The same, which have been gathered to a value besides.
    Gathered(Value, Samples),
}

impl Left {
    /// The value that it is, if it is one.
    pub(crate) fn value(&self) -> Option<Value> {
        match self {
            Left::Value(value) | Left::Gathered(value, _) => Some(*value),
            Left::Samples(_) => None,
        }
    }
}

/// What becomes of sums.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Sink {
    /// They are stored.
    Store(Value),
    /// They are added to what is there, continuing the very sums that it is.
    Add(Value),
    /// They are the gradient of an update, and nobody else sees them.
    Update(Target),
}

impl Sink {
    /// Where the sums are afterwards.
    pub(crate) fn value(&self) -> Option<Value> {
        match self {
            Sink::Store(value) | Sink::Add(value) => Some(*value),
            Sink::Update(_) => None,
        }
    }

    /// Whether sums begin with those that are there.
    pub(crate) fn adds(&self) -> bool {
        matches!(self, Sink::Add(_))
    }

    fn updates(&self) -> bool {
        matches!(self, Sink::Update(_))
    }

    fn operands(&mut self, elements: usize, visit: Visit<'_>) {
        match self {
            Sink::Store(value) => visit(Access::Write, value, elements),
            Sink::Add(value) => visit(Access::Update, value, elements),
            Sink::Update(target) => target.operands(elements, visit),
        }
    }
}

/// What happens to an element of a product before it is stored: x ← x + bias, then formula after formula x ← f(x) or
/// x ← f(x, other).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Epilogue {
    /// A bias `[n]`, added to each row.
    pub(crate) bias: Option<Value>,
    /// The formulas, in order.
    pub(crate) steps: [Option<EpilogueStep>; Epilogue::MOST_STEPS],
}

/// One formula of an epilogue.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct EpilogueStep {
    /// The formula, of which the element so far is `x`.
    pub(crate) formula: MapOp,
    /// Its `y`, of shape `[m, n]`, for a formula of two operands.
    pub(crate) other: Option<Value>,
}

impl Epilogue {
    /// Formulas that fit: a residual and an activation.
    pub(crate) const MOST_STEPS: usize = 2;

    /// Whether elements are stored as they are.
    pub(crate) fn is_none(&self) -> bool {
        *self == Epilogue::default()
    }

    /// The formulas there are.
    pub(crate) fn steps(&self) -> impl Iterator<Item = &EpilogueStep> {
        self.steps.iter().flatten()
    }

    /// This epilogue with one more formula at its end; `None` where it has as many as fit.
    pub(crate) fn then(mut self, step: EpilogueStep) -> Option<Epilogue> {
        *self.steps.iter_mut().find(|step| step.is_none())? = Some(step);
        Some(self)
    }
}

impl Describe for Gemm {
    fn operands(&mut self, visit: Visit<'_>) {
        let (m, n, k) = (self.m, self.n, self.k);
        if let Left::Value(a) | Left::Gathered(a, _) = &mut self.a {
            visit(Access::Read, a, m * k);
        }
        visit(Access::Read, &mut self.b, k * n);
        let Epilogue { bias, steps } = &mut self.epilogue;
        let others = steps.iter_mut().flatten().filter_map(|step| step.other.as_mut());
        bias.iter_mut().for_each(|bias| visit(Access::Read, bias, n));
        others.for_each(|other| visit(Access::Read, other, m * n));
        self.c.operands(m * n, visit);
        self.column_sum.iter_mut().for_each(|sums| sums.operands(n, visit));
    }

    fn result(&self, value: Value) -> Content {
        if self.column_sum.as_ref().is_some_and(|sums| sums.value() == Some(value)) {
            return Content::new("column sums", &[self.n]);
        }
        let names: Vec<&str> = self.epilogue.steps().map(|step| step.formula.result()).collect();
        let name = match (self.epilogue.bias, names.as_slice()) {
            (None, []) => "product",
            (Some(_), []) => "product + bias",
            (Some(_), ["relu"]) => "relu(product + bias)",
            (_, [.., last]) => last,
        };
        Content::new(name, &[self.m, self.n])
    }

    fn panels(&self) -> Vec<Vec<(Value, Option<usize>)>> {
        let others = self.epilogue.steps().filter_map(|step| step.other);
        let a_columns = if self.transpose_a { self.m } else { self.k };
        let changed = match &self.c {
            Sink::Update(target) => target.changed().collect(),
            Sink::Store(c) | Sink::Add(c) => vec![*c],
        };
        let like_c = changed.into_iter().chain(others).map(|value| (value, Some(self.n)));
        let a = self.a.value().map(|a| (a, Some(a_columns)));
        vec![a.into_iter().collect(), vec![(self.b, Some(self.n))], like_c.collect()]
    }

    fn in_place(&self) -> Vec<InPlace> {
        let Sink::Store(result) = self.c else { return Vec::new() };
        // The factors are read until the last sum has been made.
        let is_factor = |value: Value| self.a.value() == Some(value) || self.b == value;
        let others = self.epilogue.steps().filter_map(|step| step.other).filter(|&other| !is_factor(other));
        others.map(|operand| InPlace { operand, result }).collect()
    }

    fn product_operations(&self) -> Option<u64> {
        Some(product_operations(&[self.m, self.n, self.k]))
    }

    fn needs(&self) -> DatasetNeeds {
        match &self.a {
            Left::Value(_) => DatasetNeeds::default(),
            Left::Samples(samples) | Left::Gathered(_, samples) => samples.needs(),
        }
    }
}

impl fmt::Display for Gemm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "gemm {}×{}×{}", self.m, self.k, self.n)?;
        f.write_str(if self.a.value().is_none() { " of the samples" } else { "" })?;
        f.write_str(if self.epilogue.bias.is_some() { " + bias" } else { "" })?;
        self.epilogue.steps().try_for_each(|step| write!(f, ", {}", step.formula.epilogue()))?;
        f.write_str(if self.c.adds() { ", accumulated" } else { "" })?;
        f.write_str(if self.column_sum.is_some() { ", column sums" } else { "" })?;
        f.write_str(match (self.c.updates(), self.column_sum.as_ref().is_some_and(Sink::updates)) {
            (false, false) => "",
            (true, false) if self.column_sum.is_some() => ", update of the product",
            (true, _) => ", update",
            (false, true) => ", update of the sums",
        })
    }
}
