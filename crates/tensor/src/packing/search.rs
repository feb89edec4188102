//! Exact search for a packing within a capacity.
//!
//! Of all packings within it take one with the least sum of offsets: each of its buffers lies on the ground or on another one.
//! It can be built from the bottom up, buffer by buffer in the order of their offsets, each at its *floor*: on top of all that
//! it meets and that has a place. That is the order in which the search places them (its *canonical* order), so nothing that
//! comes later lies lower. It leaves out what cannot lead there:
//!
//! * **Sections.** In each section everything without a place has still to be stacked, none below its floor; if that goes beyond
//!   the capacity the search turns back.
//! * **Dominance.** A buffer is not placed as high as another one without a place would end: that one could go below.
//! * **What failed.** If no packing has a buffer at its floor, it lies on top of one that has no place yet, so its floor is raised
//!   to the lowest end of those; the same goes for its twins.
//! * **Parts.** What has no place yet may fall into groups that never meet: each is solved for itself.
//!
//! A search that ends without a packing proves that there is none, so the bound is raised.

use super::buffer::Packing;
use super::greedy::Preference;
use super::instance::Instance;

/// Parts with more buffers than this are left to simple orders: the search would go too deep.
const MOST_BUFFERS: usize = 1000;

/// Steps of the shortest search, before it starts again with another order.
const SHORTEST: usize = 500;

/// After so many searches what was learned is forgotten.
const FORGET_AFTER: usize = 37;

/// Looks for packings that are better than `best`, down to its bound, with at most about so many steps: first for one of the
/// bound itself, with half of them, then for what lies between,
/// nearer to what is found already.
pub(super) fn improve(instance: &Instance, best: &mut Packing, steps: usize) {
    if instance.items.len() > MOST_BUFFERS {
        return;
    }
    let granule = granule(instance);
    let (mut left, mut target, mut lowest) = (steps, best.bound, best.bound);
    while left > 0 && lowest < best.total {
        let share = if target == best.bound { left.div_ceil(2) } else { left.div_ceil(4) };
        let (answer, taken) = restarts(instance, target, share);
        left -= taken.min(left);
        match answer {
            Answer::Packed(places) => *best = packing(instance, &places, best.bound),
            Answer::Unknown => lowest = target + granule,
            Answer::Impossible => {
                lowest = target + granule;
                best.bound = lowest;
            }
        }
        let between = best.total.saturating_sub(lowest);
        target = lowest + between / 4 * 3 / granule * granule;
    }
}

/// What every sum of sizes is a multiple of.
fn granule(instance: &Instance) -> usize {
    let divisor = |mut a: usize, mut b: usize| {
        while b > 0 {
            (a, b) = (b, a % b);
        }
        a
    };
    instance.items.iter().map(|item| item.size).fold(0, divisor).max(1)
}

fn packing(instance: &Instance, places: &[usize], bound: usize) -> Packing {
    let total = instance.items.iter().zip(places).map(|(item, offset)| offset + item.size).max().unwrap_or(0);
    Packing { offsets: instance.offsets(places), total, bound }
}

/// What is known of a capacity.
enum Answer {
    /// It suffices, with this offset for each item.
    Packed(Vec<usize>),
    /// It does not.
    Impossible,
    /// The steps have ended.
    Unknown,
}

/// Searches again and again, each time in another order, and the steps taken.
fn restarts(instance: &Instance, capacity: usize, steps: usize) -> (Answer, usize) {
    let orders = Preference::ALL.map(|preference| preference.order(instance));
    let mut blame = vec![0; instance.alive.len()];
    let mut taken = 0;
    for round in 1.. {
        if taken >= steps {
            break;
        }
        if round % FORGET_AFTER == 0 {
            blame.fill(0);
        }
        let mut search = Search::new(instance, capacity, &mut blame);
        search.rank(&orders, round);
        search.steps = (SHORTEST * luby(round)).min(steps - taken);
        let allowed = search.steps;
        let found = search.parts((0..instance.items.len()).collect(), 0);
        taken += (allowed - search.steps).max(1);
        match found {
            Some(true) => return (Answer::Packed(search.places()), taken),
            Some(false) => return (Answer::Impossible, taken),
            None => {}
        }
    }
    (Answer::Unknown, taken)
}

/// 1, 1, 2, 1, 1, 2, 4, …: how much longer than the shortest each search is (Luby, Sinclair and Zuckerman, 1993).
fn luby(round: usize) -> usize {
    let bits = usize::BITS - round.leading_zeros();
    let whole = (1usize << bits) - 1;
    if round == whole { 1 << (bits - 1) } else { luby(round + 1 - (1 << (bits - 1))) }
}

/// A search in progress.
struct Search<'i> {
    instance: &'i Instance,
    capacity: usize,
    /// For each section how often the search turned back there.
    blame: &'i mut Vec<u64>,
    /// Of buffers with one offset the lowest rank goes first.
    ranks: Vec<usize>,
    offsets: Vec<Option<usize>>,
    /// The lowest offset that each item can have on what has a place.
    floors: Vec<usize>,
    /// Steps left.
    steps: usize,
    /// Where the stack of each section ends, while it is counted.
    tops: Vec<usize>,
}

impl Search<'_> {
    fn new<'i>(instance: &'i Instance, capacity: usize, blame: &'i mut Vec<u64>) -> Search<'i> {
        let items = instance.items.len();
        Search {
            instance,
            capacity,
            ranks: vec![0; items],
            offsets: vec![None; items],
            floors: vec![0; items],
            steps: 0,
            tops: vec![0; blame.len()],
            blame,
        }
    }

    /// Ranks items by blame, that of their worst section or of all of them by turns, and by `order` where that is equal.
    /// Each order is tried once without.
    fn rank(&mut self, orders: &[Vec<usize>], round: usize) {
        let mut ranked = orders[round % orders.len()].clone();
        if round > orders.len() {
            ranked
                .sort_by_cached_key(|&item| std::cmp::Reverse(self.blame_of(item, round.is_multiple_of(2))));
        }
        ranked.iter().enumerate().for_each(|(rank, &item)| self.ranks[item] = rank);
    }

    fn blame_of(&self, item: usize, of_the_worst: bool) -> u64 {
        let blame = self.blame[self.instance.items[item].sections.clone()].iter();
        if of_the_worst { blame.copied().max().unwrap_or(0) } else { blame.sum() }
    }

    fn places(&self) -> Vec<usize> {
        self.offsets.iter().map(|offset| offset.unwrap_or(0)).collect()
    }

    /// Places `items`, which are in the order of their starts and lie no lower than `level`, group by group. `None` if the
    /// steps have ended.
    fn parts(&mut self, items: Vec<usize>, level: usize) -> Option<bool> {
        let mut groups = self.groups(items);
        if let [group] = groups.as_slice() {
            return self.solve(group, level);
        }
        // The smaller one fails sooner.
        groups.sort_by_key(Vec::len);
        if !groups.iter().all(|group| self.is_possible(group, 0)) {
            return Some(false);
        }
        let floors: Vec<Vec<usize>> =
            groups.iter().map(|group| group.iter().map(|&item| self.floors[item]).collect()).collect();
        for (i, group) in groups.iter().enumerate() {
            let solved = self.solve(group, 0);
            if solved != Some(true) {
                for (group, floors) in groups[..i].iter().zip(floors) {
                    for (&item, floor) in group.iter().zip(floors) {
                        self.offsets[item] = None;
                        self.floors[item] = floor;
                    }
                }
                return solved;
            }
        }
        Some(true)
    }

    /// Cuts items where none crosses.
    fn groups(&self, items: Vec<usize>) -> Vec<Vec<usize>> {
        let mut groups: Vec<Vec<usize>> = Vec::new();
        let mut end = 0;
        for item in items {
            let sections = &self.instance.items[item].sections;
            match groups.last_mut() {
                Some(group) if sections.start < end => group.push(item),
                _ => groups.push(vec![item]),
            }
            end = end.max(sections.end);
        }
        groups
    }

    /// Places the items of a group.
    fn solve(&mut self, items: &[usize], level: usize) -> Option<bool> {
        if !self.is_possible(items, level) {
            return Some(false);
        }
        let mut raised: Vec<(usize, usize)> = Vec::new();
        let mut solved = Some(false);
        while let Some((offset, item)) = self.next(items, level, &raised) {
            if self.steps == 0 {
                solved = None;
                break;
            }
            self.steps -= 1;
            solved = self.place(items, item, offset);
            if solved != Some(false) {
                return solved;
            }
            self.lift(items, item, offset, &mut raised);
            if !self.is_possible(items, level.max(offset)) {
                break;
            }
        }
        raised.into_iter().rev().for_each(|(item, floor)| self.floors[item] = floor);
        solved
    }

    /// The item to place next, and where: the lowest, unless another one would end below it, or it has been raised.
    fn next(&self, items: &[usize], level: usize, raised: &[(usize, usize)]) -> Option<(usize, usize)> {
        let lowest = |&item: &usize| self.floors[item].max(level);
        let first_end = items.iter().map(|item| lowest(item) + self.instance.items[*item].size).min()?;
        let is_raised = |item: usize| raised.iter().any(|&(raised, _)| raised == item);
        let open = items.iter().filter(|&item| lowest(item) < first_end && !is_raised(*item));
        let item = *open.min_by_key(|&item| (lowest(item), self.ranks[*item]))?;
        Some((lowest(&item), item))
    }

    /// Places one item and then all others; takes it away again if that does not work.
    fn place(&mut self, items: &[usize], item: usize, offset: usize) -> Option<bool> {
        let end = offset + self.instance.items[item].size;
        let mut covered: Vec<(usize, usize)> = Vec::new();
        for &other in &self.instance.met[item] {
            if self.offsets[other].is_none() && self.floors[other] < end {
                covered.push((other, self.floors[other]));
                self.floors[other] = end;
            }
        }
        self.offsets[item] = Some(offset);
        let rest: Vec<usize> = items.iter().copied().filter(|&other| other != item).collect();
        let solved = self.parts(rest, offset);
        if solved == Some(false) {
            self.offsets[item] = None;
            covered.into_iter().for_each(|(other, floor)| self.floors[other] = floor);
        }
        solved
    }

    /// Notes that an item, and each twin of it, does not lie at its floor: it lies on one that has no place yet.
    fn lift(&mut self, items: &[usize], item: usize, level: usize, raised: &mut Vec<(usize, usize)>) {
        let instance = self.instance;
        let kind = |i: usize, floors: &[usize]| {
            (instance.items[i].sections.clone(), instance.items[i].size, floors[i])
        };
        let failed = kind(item, &self.floors);
        for &twin in items {
            if kind(twin, &self.floors) != failed {
                continue;
            }
            let open = instance.met[twin].iter().filter(|&&other| self.offsets[other].is_none());
            let ends = open.map(|&other| self.floors[other].max(level) + instance.items[other].size);
            let floor = ends.min().unwrap_or(usize::MAX / 2).max(self.floors[twin]);
            raised.push((twin, self.floors[twin]));
            self.floors[twin] = floor;
        }
    }

    /// Whether each section can hold what `items` has there, none of it below `level`. Notes where not.
    fn is_possible(&mut self, items: &[usize], level: usize) -> bool {
        let mut lowest: Vec<(usize, usize)> =
            items.iter().map(|&item| (self.floors[item].max(level), item)).collect();
        lowest.sort_unstable();
        items.iter().for_each(|&item| self.tops[self.instance.items[item].sections.clone()].fill(0));
        for (floor, item) in lowest {
            let item = &self.instance.items[item];
            if floor + item.size > self.capacity {
                self.blame[item.sections.clone()].iter_mut().for_each(|blame| *blame += 1);
                return false;
            }
            for top in &mut self.tops[item.sections.clone()] {
                *top = floor.max(*top) + item.size;
            }
        }
        let mut possible = true;
        for &item in items {
            for section in self.instance.items[item].sections.clone() {
                if self.tops[section] > self.capacity {
                    self.tops[section] = 0; // blamed once
                    self.blame[section] += 1;
                    possible = false;
                }
            }
        }
        possible
    }
}
