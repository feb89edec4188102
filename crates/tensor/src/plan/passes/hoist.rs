//! A transpose that is made only for the second operand of a product is made beside the kernel that makes the product's first
//! operand: so it adds no stage.

use crate::ir::Kernel;
use crate::plan::draft::{Draft, Placed};

pub(super) fn run(draft: &mut Draft) {
    draft.reorder(|kernels, _| {
        let mut i = 0;
        while i < kernels.len() {
            if let Some(copy) = turned_operand(kernels, i) {
                let placed = kernels.remove(copy);
                let at = beside(kernels, &placed, i - 1);
                kernels.insert(at, placed);
            }
            i += 1;
        }
    });
}

/// The copy that makes the second operand of the product at `i`, if nobody else reads it.
fn turned_operand(kernels: &[Placed], i: usize) -> Option<usize> {
    let Kernel::Gemm(gemm) = &kernels[i].kernel else { return None };
    let makes = |placed: &Placed| matches!(&placed.kernel, Kernel::Permute(copy) if copy.output == gemm.b);
    let copy = kernels[..i].iter().position(makes)?;
    let readers = kernels.iter().filter(|placed| placed.kernel.reads(gemm.b)).count();
    (readers == 1).then_some(copy)
}

/// Where `copy` goes, now that the product it is made for stands at `product`.
fn beside(kernels: &[Placed], copy: &Placed, product: usize) -> usize {
    let (Kernel::Permute(copy), Kernel::Gemm(gemm)) = (&copy.kernel, &kernels[product].kernel) else {
        return product;
    };
    let made = |value| kernels[..product].iter().rposition(|placed| placed.kernel.writes(value));
    let beside = gemm.a.value().and_then(made).unwrap_or(product);
    beside.max(made(copy.input).map_or(0, |made| made + 1)).min(product)
}
