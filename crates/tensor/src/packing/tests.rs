//! Packings against all orders there are, and of rectangles cut to pieces.

use proptest::prelude::*;

use super::*;

fn buffers(list: &[(usize, usize, usize)]) -> Vec<Buffer> {
    list.iter().map(|&(lower, upper, size)| Buffer { lower, upper, size }).collect()
}

/// Panics unless no two buffers that meet share a byte (one of no bytes shares none), and the total is that of the places.
fn assert_sound(buffers: &[Buffer], packing: &Packing) {
    for (i, a) in buffers.iter().enumerate() {
        for (j, b) in buffers[..i].iter().enumerate().filter(|(_, b)| a.meets(b)) {
            let (x, y) = (packing.offsets[i], packing.offsets[j]);
            let apart = x + a.size <= y || y + b.size <= x || a.size == 0 || b.size == 0;
            assert!(apart, "{a:?} at {x} and {b:?} at {y}");
        }
    }
    let needed = buffers.iter().zip(&packing.offsets).filter(|(buffer, _)| buffer.lower < buffer.upper);
    let ends = needed.map(|(buffer, offset)| offset + buffer.size);
    assert_eq!(ends.max().unwrap_or(0), packing.total);
    assert!(most_alive(buffers).unwrap() <= packing.bound && packing.bound <= packing.total);
}

/// The least total of any order.
fn least(buffers: &[Buffer]) -> usize {
    fn extend(buffers: &[Buffer], order: &mut Vec<usize>, best: &mut usize) {
        if order.len() == buffers.len() {
            *best = stack(buffers, order).unwrap().total.min(*best);
        }
        for next in 0..buffers.len() {
            if !order.contains(&next) {
                order.push(next);
                extend(buffers, order, best);
                order.pop();
            }
        }
    }
    let mut best = usize::MAX;
    extend(buffers, &mut Vec::new(), &mut best);
    best
}

fn any_buffer() -> impl Strategy<Value = Buffer> {
    (0usize..8, 0usize..6, 0usize..9).prop_map(|(lower, life, size)| Buffer {
        lower,
        upper: lower + life,
        size,
    })
}

/// A rectangle of `moments` by `bytes` cut into `pieces` pieces, again and again one into two: all bytes are alive at every
/// moment, and one packing is known to fill them.
pub(super) fn pieces(moments: usize, bytes: usize, pieces: usize, seed: u64) -> Vec<Buffer> {
    let mut random = (0..).map(|i| crate::random::uniform(seed, 0, i, 0.0, 1.0));
    let mut whole = vec![Buffer { lower: 0, upper: moments, size: bytes }];
    while whole.len() < pieces {
        let mut below = |n: usize| (random.next().unwrap_or(0.0) * n as f32) as usize % n.max(1);
        let piece = whole.swap_remove(below(whole.len()));
        let life = piece.upper - piece.lower;
        let across = below(2) == 0;
        let [mut one, mut other] = [piece; 2];
        if across && life > 1 {
            one.upper = piece.lower + 1 + below(life - 1);
            other.lower = one.upper;
        } else if !across && piece.size > 1 {
            one.size = 1 + below(piece.size - 1);
            other.size = piece.size - one.size;
        } else {
            whole.push(piece);
            continue;
        }
        whole.extend([one, other]);
    }
    whole
}

#[test]
fn buffers_that_never_meet_share_their_place() {
    let packing = pack(&buffers(&[(0, 1, 7), (1, 2, 9), (2, 3, 5)]), 0).unwrap();
    assert_eq!((packing.offsets, packing.total, packing.bound), (vec![0, 0, 0], 9, 9));
}

#[test]
fn nothing_takes_nothing() {
    for list in [vec![], buffers(&[(3, 3, 10)]), buffers(&[(5, 2, 10)]), buffers(&[(0, 9, 0)])] {
        assert_eq!(pack(&list, 10).unwrap().total, 0);
    }
}

#[test]
fn sizes_that_cannot_be_added_up_are_refused() {
    let list = buffers(&[(0, 1, usize::MAX), (0, 1, 1)]);
    assert_eq!(pack(&list, 10), Err(TooLarge));
    assert_eq!(stack(&list, &[0, 1]), Err(TooLarge));
    assert_eq!(most_alive(&list), Err(TooLarge));
}

/// Four bytes are alive at once, yet no order of these takes fewer than five.
#[test]
fn an_optimum_above_the_most_alive_is_proven() {
    let list =
        buffers(&[(4, 5, 1), (5, 8, 2), (0, 4, 2), (7, 11, 2), (0, 1, 2), (2, 6, 1), (4, 6, 1), (1, 5, 1)]);
    let packing = pack(&list, 10_000).unwrap();
    assert_eq!((most_alive(&list).unwrap(), packing.total, packing.bound), (4, 5, 5));
    assert_eq!(least(&list), 5);
    assert_eq!(pack(&list, 0).unwrap().bound, 4, "not proven without a search");
}

#[test]
fn more_buffers_than_the_search_takes_are_packed_by_simple_orders() {
    let list: Vec<Buffer> = (0..3000).map(|i| Buffer { lower: i, upper: i + 3, size: 1 + i % 7 }).collect();
    assert_sound(&list, &pack(&list, 1000).unwrap());
}

#[test]
fn rectangles_cut_to_pieces_are_put_together() {
    for (seed, count) in [(1, 20), (2, 40), (3, 60), (4, 80), (5, 100)] {
        let list = pieces(60, 1000, count, seed);
        let packing = pack(&list, 200_000).unwrap();
        assert_sound(&list, &packing);
        assert_eq!((packing.total, packing.bound), (1000, 1000), "{count} pieces");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn few_buffers_are_packed_as_well_as_by_any_order(list in prop::collection::vec(any_buffer(), 0..7)) {
        let packing = pack(&list, 100_000).unwrap();
        assert_sound(&list, &packing);
        prop_assert_eq!(packing.total, least(&list));
        prop_assert!(packing.is_optimal());
    }

    #[test]
    fn packings_are_sound_and_the_same_every_time(
        list in prop::collection::vec(any_buffer(), 0..60), steps in 0usize..2000,
    ) {
        let packing = pack(&list, steps).unwrap();
        assert_sound(&list, &packing);
        prop_assert_eq!(&packing, &pack(&list, steps).unwrap());
        let again = stack(&list, &packing.order()).unwrap();
        prop_assert!(again.total <= packing.total);
    }

    #[test]
    fn a_stack_never_shrinks_when_sizes_grow(
        list in prop::collection::vec((any_buffer(), 0usize..5), 0..40).prop_shuffle(),
    ) {
        let small: Vec<Buffer> = list.iter().map(|(buffer, _)| *buffer).collect();
        let large: Vec<Buffer> = list.iter().map(|&(b, more)| Buffer { size: b.size + more, ..b }).collect();
        let order: Vec<usize> = (0..list.len()).collect();
        prop_assert!(stack(&small, &order).unwrap().total <= stack(&large, &order).unwrap().total);
    }
}
