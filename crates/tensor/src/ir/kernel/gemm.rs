//! Matrix product with an epilogue: C\[m, n\] = epilogue(op(A)\[m, k\] · B\[k, n\]), and optionally the column sums of B.

use std::fmt;

use super::describe::{Content, Describe, Visit};
use super::map::MapOp;
use crate::ir::{Access, Value};

/// C = epilogue(op(A) · B)
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Gemm {
    pub(crate) a: Value,
    pub(crate) b: Value,
    pub(crate) c: Value,
    pub(crate) m: usize,
    pub(crate) n: usize,
    pub(crate) k: usize,
    /// Whether A is stored as `[k, m]`.
    pub(crate) transpose_a: bool,
    pub(crate) epilogue: Epilogue,
    /// Where to write Σₖ B\[k, ·\]: a bias gradient that needs no extra pass.
    pub(crate) column_sum: Option<Value>,
    /// Whether the product is added to what C holds, continuing the very sums that are there.
    pub(crate) accumulate: bool,
    /// The same for the column sums.
    pub(crate) accumulate_sums: bool,
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
        let written = |accumulate| if accumulate { Access::Update } else { Access::Write };
        let (m, n, k) = (self.m, self.n, self.k);
        visit(Access::Read, &mut self.a, m * k);
        visit(Access::Read, &mut self.b, k * n);
        let Epilogue { bias, steps } = &mut self.epilogue;
        let others = steps.iter_mut().flatten().filter_map(|step| step.other.as_mut());
        bias.iter_mut().for_each(|bias| visit(Access::Read, bias, n));
        others.for_each(|other| visit(Access::Read, other, m * n));
        visit(written(self.accumulate), &mut self.c, m * n);
        self.column_sum.iter_mut().for_each(|sums| visit(written(self.accumulate_sums), sums, n));
    }

    fn result(&self, value: Value) -> Content {
        if self.column_sum == Some(value) {
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
}

impl fmt::Display for Gemm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "gemm {}×{}×{}", self.m, self.k, self.n)?;
        f.write_str(if self.epilogue.bias.is_some() { " + bias" } else { "" })?;
        self.epilogue.steps().try_for_each(|step| write!(f, ", {}", step.formula.epilogue()))?;
        f.write_str(if self.accumulate { ", accumulated" } else { "" })?;
        f.write_str(if self.column_sum.is_some() { ", column sums" } else { "" })
    }
}
