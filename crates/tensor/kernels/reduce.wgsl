// Sums, sums of squares and maxima along one axis: `[outer, reduced, inner]` to `[outer, inner]`.
//
// Each thread takes its share of the axis; the threads' results are combined in an order fixed by shapes: of many, in pairs, which
// loses less of a long sum.

/// A sum and what rounding has taken from it, or a maximum and 0.
alias Reduction = vec2<f32>;

/// What a reduction begins with.
fn nothing(p: u32) -> Reduction {
    return Reduction(select(0.0, -infinity(), word(p + REDUCE_MAXIMUM) != 0u), 0.0);
}

/// x added, and what rounding has taken from it (Møller 1965), of which x may have lost some before. Each result is opaque: a
/// compiler that takes sums for exact would find that nothing is lost.
fn summed(so_far: Reduction, x: f32, rest: f32) -> Reduction {
    let sum = opaque(so_far.x + x);
    let added = opaque(sum - so_far.x);
    let lost = (so_far.x - opaque(sum - added)) + opaque(x - added);
    return Reduction(sum, so_far.y + (lost + rest));
}

/// The next number, and of two results one.
fn take(p: u32, so_far: Reduction, x: f32) -> Reduction {
    if (word(p + REDUCE_SQUARED) != 0u) {
        return summed(so_far, opaque(x * x), 0.0);
    }
    return both(p, so_far, Reduction(x, 0.0));
}
fn both(p: u32, a: Reduction, b: Reduction) -> Reduction {
    if (word(p + REDUCE_MAXIMUM) != 0u) {
        return Reduction(larger(a.x, b.x), 0.0);
    }
    return summed(a, b.x, b.y);
}

fn result(reduced: Reduction) -> f32 {
    // Infinity has lost what is no number.
    let is_finite = (bitcast<u32>(reduced.x) & 0x7F800000u) != 0x7F800000u;
    return select(reduced.x, reduced.x + reduced.y, is_finite);
}

fn keep(place: u32, reduced: Reduction) {
    scratch[place] = reduced.x;
    scratch[THREADS + place] = reduced.y;
}
fn kept(place: u32) -> Reduction {
    return Reduction(scratch[place], scratch[THREADS + place]);
}

/// Contiguous rows: a group of threads for each.
fn reduce_rows(p: u32, share: Share) {
    let outer = word(p + REDUCE_OUTER);
    let reduced = word(p + REDUCE_REDUCED);
    for (var rows = share.block * WARPS; rows < outer; rows += share.blocks * WARPS) {
        let row = row_of_group(rows);
        var mine = nothing(p);
        if (row < outer) {
            for (var i = lane(); i < reduced; i += WARP) {
                mine = take(p, mine, load(word(p + REDUCE_INPUT) + row * reduced + i));
            }
        }
        keep(thread, mine);
        workgroupBarrier();
        if (row < outer && lane() == 0u) {
            for (var i = 1u; i < WARP; i++) {
                mine = both(p, mine, kept(thread + i));
            }
            store(word(p + REDUCE_OUTPUT) + row, result(mine));
        }
        workgroupBarrier();
    }
}

/// Neighbouring columns, a lane for each, and the axis cut among the groups of a workgroup. One long row is cut among all
/// threads.
fn reduce_columns(p: u32, share: Share) {
    let outer = word(p + REDUCE_OUTER);
    let reduced = word(p + REDUCE_REDUCED);
    let inner = word(p + REDUCE_INNER);
    let columns = select(WARP, 1u, inner == 1u);
    let cuts = THREADS / columns;
    let panels = (inner + columns - 1u) / columns;
    for (var unit = share.block; unit < outer * panels; unit += share.blocks) {
        let column = unit % panels * columns + thread % columns;
        var mine = nothing(p);
        if (column < inner) {
            let input = word(p + REDUCE_INPUT) + unit / panels * reduced * inner + column;
            for (var i = thread / columns; i < reduced; i += cuts) {
                mine = take(p, mine, load(input + i * inner));
            }
        }
        keep(thread, mine);
        workgroupBarrier();
        for (var half = cuts / 2u; half > 0u; half /= 2u) {
            if (thread < half * columns) {
                keep(thread, both(p, kept(thread), kept(thread + half * columns)));
            }
            workgroupBarrier();
        }
        if (thread < columns && column < inner) {
            store(word(p + REDUCE_OUTPUT) + unit / panels * inner + column, result(kept(thread)));
        }
        workgroupBarrier();
    }
}

fn reduce(p: u32, share: Share) {
    if (word(p + REDUCE_INNER) == 1u && word(p + REDUCE_REDUCED) < LONG_ROW) {
        reduce_rows(p, share);
    } else {
        reduce_columns(p, share);
    }
}
