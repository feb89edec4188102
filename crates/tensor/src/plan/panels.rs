//! Which values lie in panels: on a device whose products want that, every matrix that nothing needs row by row.
//!
//! A layout takes as many bytes as any other, so this is decided for the plans of a session together, once the device is
//! known: a parameter lies for all of them as it lies for one, and its gradient and moments like it, so that an update
//! needs not know.

use std::collections::{HashMap, HashSet};

use super::Plan;
use super::layout::Place;
use crate::ir::{Extent, Kernel, Layout, ParameterId, Program, Shape, Slot, Value};

/// The layouts of a session: of its parameters, and of the values of its plans.
#[derive(Clone, Debug, Default)]
pub(crate) struct Layouts {
    /// How each parameter lies, and what is kept for it.
    pub(crate) parameters: HashMap<ParameterId, Layout>,
    values: Vec<Vec<Layout>>,
}

impl Layouts {
    /// Lays matrices out in panels of `columns` columns where every plan can; all row-major without. The plans have one
    /// state.
    pub(crate) fn choose(plans: &[Plan], columns: Option<usize>) -> Layouts {
        let parameters =
            || plans.iter().flat_map(|plan| plan.state.parameters()).map(|parameter| parameter.id);
        let Some(columns) = columns else {
            let row_major = |plan: &Plan| vec![Layout::RowMajor; plan.buffers.len()];
            return Layouts {
                parameters: parameters().map(|id| (id, Layout::RowMajor)).collect(),
                values: plans.iter().map(row_major).collect(),
            };
        };
        let mut search =
            Search { owners: plans.first().map(owners).unwrap_or_default(), ..Search::default() };
        for (number, plan) in plans.iter().enumerate() {
            search.plan(number, plan);
        }
        let members =
            Members { search: &search, pinned: search.pinned.iter().map(|&l| search.root(l)).collect() };
        let found = |lump: Option<Lump>| match lump {
            Some(lump) if members.can_be_panels(&lump, columns) => Layout::Panels { columns },
            _ => Layout::RowMajor,
        };
        let of_plan = |(number, plan): (usize, &Plan)| {
            let values = (0..plan.buffers.len()).map(|i| found(search.lump(number, plan, Value(i as u32))));
            values.collect()
        };
        Layouts {
            parameters: parameters().map(|id| (id, found(Some(Lump::Parameter(id))))).collect(),
            values: plans.iter().enumerate().map(of_plan).collect(),
        }
    }

    /// How each value of plan number `plan` lies.
    pub(crate) fn values(&self, plan: usize) -> &[Layout] {
        &self.values[plan]
    }
}

/// What has one layout: a parameter with all that is kept for it, or a temporary of plan number so and so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Lump {
    Parameter(ParameterId),
    Temporary(usize, Value),
}

/// What is known so far: which lumps must lie alike, and which must be row-major.
#[derive(Debug, Default)]
struct Search {
    /// To which parameter a part of the persistent memory belongs, by its first byte and its size.
    owners: HashMap<(usize, usize), ParameterId>,
    shapes: HashMap<Lump, Shape>,
    /// From a lump to one that lies like it; those that are missing lead to themselves.
    like: HashMap<Lump, Lump>,
    pinned: HashSet<Lump>,
}

impl Search {
    fn plan(&mut self, number: usize, plan: &Plan) {
        for kernel in plan.stages.iter().flatten() {
            self.kernel(number, plan, kernel);
        }
        // Outputs are read as they lie.
        self.pin(number, plan, plan.outputs.values().map(|&(value, _)| value));
    }

    fn kernel(&mut self, number: usize, plan: &Plan, kernel: &Kernel) {
        let groups = kernel.panels();
        let listed: HashSet<Value> = groups.iter().flatten().map(|&(value, _)| value).collect();
        let others = kernel.accesses().into_iter().map(|(_, value)| value).filter(|v| !listed.contains(v));
        self.pin(number, plan, others);
        for group in groups {
            let mut first: Option<Lump> = None;
            for (value, columns) in group {
                let Some(lump) = self.lump(number, plan, value) else { continue };
                let shape = plan.metas[value.index()].shape;
                self.shapes.insert(lump, shape);
                if columns.is_some_and(|columns| columns != shape.rows().1) {
                    self.pinned.insert(lump); // seen as a matrix of another width
                }
                match first {
                    Some(first) => self.join(first, lump),
                    None => first = Some(lump),
                }
            }
        }
    }

    /// Notes that these are needed row by row.
    fn pin(&mut self, number: usize, plan: &Plan, values: impl Iterator<Item = Value>) {
        for value in values {
            self.pinned.extend(self.lump(number, plan, value));
        }
    }

    /// To what a value belongs; `None` for several parameters at once, which are updated element by element, and for
    /// what belongs to no parameter.
    fn lump(&self, number: usize, plan: &Plan, value: Value) -> Option<Lump> {
        match plan.buffers[value.index()].place {
            Place::Transient(_) => Some(Lump::Temporary(number, value)),
            Place::Persistent(Extent { offset, bytes }) => {
                self.owners.get(&(offset, bytes)).map(|&id| Lump::Parameter(id))
            }
        }
    }

    fn root(&self, mut lump: Lump) -> Lump {
        while let Some(&next) = self.like.get(&lump) {
            lump = next;
        }
        lump
    }

    fn join(&mut self, a: Lump, b: Lump) {
        if self.shapes.get(&a) != self.shapes.get(&b) {
            self.pinned.extend([a, b]);
        }
        let (a, b) = (self.root(a), self.root(b));
        if a != b {
            self.like.insert(a, b);
        }
    }
}

/// Where each parameter lies, and what is kept for it.
fn owners(plan: &Plan) -> HashMap<(usize, usize), ParameterId> {
    let state = &plan.state;
    let of = |id: ParameterId| {
        let moments = (0..state.moments()).map(move |i| Slot::Moment(i, id));
        let slots = [Slot::Parameter, Slot::Gradient, Slot::Average].map(|slot| slot(id));
        let slots = slots.into_iter().chain(moments);
        let entries = slots.filter_map(|slot| state.entry(slot).ok());
        entries.map(move |entry| ((entry.extent.offset, entry.extent.bytes), id))
    };
    state.parameters().iter().flat_map(|parameter| of(parameter.id)).collect()
}

/// The end of a search.
struct Members<'s> {
    search: &'s Search,
    /// One for each set of lumps that lie alike and of which one is pinned.
    pinned: HashSet<Lump>,
}

impl Members<'_> {
    fn can_be_panels(&self, lump: &Lump, columns: usize) -> bool {
        let is_wide = self.search.shapes.get(lump).is_some_and(|shape| shape.rows().1 > columns);
        is_wide && !self.pinned.contains(&self.search.root(*lump))
    }
}

impl Plan {
    /// As a backend runs it: plan number `number` of a session.
    pub(crate) fn program(&self, number: usize, layouts: &Layouts) -> Program {
        let (stages, offsets) = (self.stages.clone(), self.offsets());
        let (metas, layouts) = (self.metas.clone(), layouts.values(number).to_vec());
        let compute = self.state.number_types().compute;
        Program { number, stages, offsets, metas, layouts, compute, batch_size: self.batch_size() }
    }
}
