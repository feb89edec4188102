//! Simple orders: buffers one after the other, each at the lowest place where it fits.

use std::cmp::Reverse;

use super::buffer::Packing;
use super::instance::{Instance, Item};

/// In what order buffers are considered: large ones, long ones or crowded ones first.
#[derive(Clone, Copy, Debug)]
pub(super) enum Preference {
    Life,
    Crowd,
    CrowdAndLife,
    Area,
    Size,
}

impl Preference {
    pub(super) const ALL: [Preference; 5] =
        [Preference::Life, Preference::Crowd, Preference::CrowdAndLife, Preference::Area, Preference::Size];

    /// All items, the preferred ones first.
    pub(super) fn order(self, instance: &Instance) -> Vec<usize> {
        let key = |&i: &usize| Reverse(self.key(instance, &instance.items[i]));
        let mut order: Vec<usize> = (0..instance.items.len()).collect();
        order.sort_by_cached_key(key);
        order
    }

    fn key(self, instance: &Instance, item: &Item) -> [usize; 3] {
        let (life, crowd) = (item.sections.len(), instance.most_alive_with(item));
        let area = life.saturating_mul(item.size);
        match self {
            Preference::Life => [life, area, crowd],
            Preference::Crowd => [crowd, area, life],
            Preference::CrowdAndLife => [crowd, life, area],
            Preference::Area => [area, life, crowd],
            Preference::Size => [item.size, life, 0],
        }
    }
}

/// The best of these orders, of the order of starts, and of that backwards.
pub(super) fn pack(instance: &Instance) -> Packing {
    let starts: Vec<usize> = (0..instance.items.len()).collect();
    let backwards = starts.iter().rev().copied().collect();
    let preferred = Preference::ALL.into_iter().map(|preference| preference.order(instance));
    let mut best: Option<Packing> = None;
    for order in [starts, backwards].into_iter().chain(preferred) {
        let packing = first_fit(instance, &order);
        if best.as_ref().is_none_or(|best| packing.total < best.total) {
            best = Some(packing);
        }
        if best.as_ref().is_some_and(Packing::is_optimal) {
            break;
        }
    }
    best.unwrap_or_else(|| first_fit(instance, &[]))
}

/// Puts each item at the lowest place that is free all its life.
fn first_fit(instance: &Instance, order: &[usize]) -> Packing {
    let mut places: Vec<Option<usize>> = vec![None; instance.items.len()];
    let mut taken: Vec<(usize, usize)> = Vec::new();
    for &item in order {
        taken.clear();
        let met = instance.met[item].iter();
        taken.extend(
            met.filter_map(|&other| Some((places[other]?, places[other]? + instance.items[other].size))),
        );
        taken.sort_unstable();
        let mut offset = 0;
        for &(start, end) in &taken {
            if offset + instance.items[item].size <= start {
                break;
            }
            offset = offset.max(end);
        }
        places[item] = Some(offset);
    }
    let places: Vec<usize> = places.into_iter().map(Option::unwrap_or_default).collect();
    let ends = instance.items.iter().zip(&places).map(|(item, offset)| offset + item.size);
    let total = ends.max().unwrap_or(0);
    Packing { offsets: instance.offsets(&places), total, bound: instance.most_alive() }
}
