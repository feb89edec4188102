//! Strongly connected components, and where to cut them.

use std::collections::{BTreeMap, BTreeSet};

/// Tarjan's algorithm: *Depth-first search and linear graph algorithms*, 1972.
pub(super) struct Components {
    successors: Vec<Vec<usize>>,
    index: Vec<Option<usize>>,
    lowest: Vec<usize>,
    stack: Vec<usize>,
    next: usize,
    found: Vec<Vec<usize>>,
}

impl Components {
    /// The strongly connected components of more than one node, each in ascending order.
    pub(super) fn of(nodes: usize, edges: impl Iterator<Item = (usize, usize)>) -> Vec<Vec<usize>> {
        let mut successors = vec![Vec::new(); nodes];
        for (from, to) in edges {
            successors[from].push(to);
        }
        let mut search = Components {
            successors,
            index: vec![None; nodes],
            lowest: vec![0; nodes],
            stack: Vec::new(),
            next: 0,
            found: Vec::new(),
        };
        for node in 0..nodes {
            if search.index[node].is_none() {
                search.visit(node);
            }
        }
        search.found
    }

    fn visit(&mut self, node: usize) {
        let index = self.next;
        self.next += 1;
        self.index[node] = Some(index);
        self.lowest[node] = index;
        self.stack.push(node);
        for to in self.successors[node].clone() {
            match self.index[to] {
                None => {
                    self.visit(to);
                    self.lowest[node] = self.lowest[node].min(self.lowest[to]);
                }
                Some(other) if self.stack.contains(&to) => {
                    self.lowest[node] = self.lowest[node].min(other);
                }
                Some(_) => {}
            }
        }
        if self.lowest[node] == index {
            let start =
                self.stack.iter().position(|n| *n == node).expect("a node stays on the stack until here");
            let mut component = self.stack.split_off(start);
            component.sort_unstable();
            if component.len() > 1 {
                self.found.push(component);
            }
        }
    }
}

/// Edges whose removal leaves no circle, of little weight in sum: those that lead backwards in an order of the nodes.
/// The order is improved by moving one node at a time for as long as that helps.
pub(super) fn light_cuts(
    nodes: &[usize],
    weights: &BTreeMap<(usize, usize), usize>,
) -> BTreeSet<(usize, usize)> {
    let backwards = |order: &[usize]| {
        let place = |node: usize| order.iter().position(|other| *other == node);
        let edges = weights.keys().copied().filter(|(from, to)| place(*from) > place(*to));
        edges.collect::<BTreeSet<_>>()
    };
    let weight = |order: &[usize]| backwards(order).iter().map(|edge| weights[edge]).sum::<usize>();
    let mut order = nodes.to_vec();
    let mut best = weight(&order);
    loop {
        let before = best;
        for node in nodes {
            for place in 0..nodes.len() {
                let mut moved: Vec<usize> = order.iter().copied().filter(|other| other != node).collect();
                moved.insert(place, *node);
                let found = weight(&moved);
                if found < best {
                    (order, best) = (moved, found);
                }
            }
        }
        if best == before {
            return backwards(&order);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn components_are_told_apart() {
        let edges = [(0, 1), (1, 2), (2, 0), (2, 3), (3, 4), (4, 3), (5, 0)];
        let mut found = Components::of(6, edges.into_iter());
        found.sort();
        assert_eq!(found, [vec![0, 1, 2], vec![3, 4]]);
    }

    #[test]
    fn cuts_leave_no_circle_and_take_the_light_edges() {
        let weights = BTreeMap::from([((0, 1), 5), ((1, 2), 5), ((2, 0), 1), ((1, 0), 2)]);
        let cuts = light_cuts(&[0, 1, 2], &weights);
        assert_eq!(cuts, BTreeSet::from([(2, 0), (1, 0)]));
        let kept = weights.keys().copied().filter(|edge| !cuts.contains(edge));
        assert_eq!(Components::of(3, kept), Vec::<Vec<usize>>::new());
    }
}
