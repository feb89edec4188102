//! Products whose first operand is the samples of the batch know them. Where nothing else reads the samples they are read
//! where the dataset has them, if that is asked for, and not gathered before.

use crate::ir::kernel::{Gather, Gemm, Left};
use crate::ir::{DType, Kernel};
use crate::plan::draft::Draft;
use crate::plan::state::Inputs;

pub(super) fn run(draft: &mut Draft, inputs: Inputs, compute: DType) {
    for place in draft.places() {
        let Some(Kernel::Gather(gather)) = draft.kernel(place) else { continue };
        let gather = gather.clone();
        let dtype = draft.values[gather.output.index()].meta.dtype;
        if ![DType::F32, compute].contains(&dtype) {
            continue; // rounded where they lie, and not where they are multiplied
        }
        let readers = draft.readers(gather.output).to_vec();
        let products: Vec<(usize, Gemm)> = readers
            .iter()
            .filter_map(|&reader| Some((reader, product_of(draft, reader, &gather)?)))
            .collect();
        let are_all = products.len() == readers.len() && draft.is_internal(gather.output);
        let in_place = inputs == Inputs::InPlace && are_all;
        if in_place {
            draft.take(place);
        }
        for (reader, gemm) in products {
            let samples = gather.samples.clone();
            let a = if in_place { Left::Samples(samples) } else { Left::Gathered(gather.output, samples) };
            draft.replace(reader, Gemm { a, ..gemm });
        }
    }
}

/// The product at `reader`, if its first operand and nothing else is what has been gathered.
fn product_of(draft: &Draft, reader: usize, gather: &Gather) -> Option<Gemm> {
    let Some(Kernel::Gemm(gemm)) = draft.kernel(reader) else { return None };
    let without = Gemm { a: Left::Samples(gather.samples.clone()), ..gemm.clone() };
    (!Kernel::Gemm(without).reads(gather.output)).then(|| gemm.clone())
}
