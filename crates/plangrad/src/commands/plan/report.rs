//! What `plan` reports, before it is text or JSON.

use crate::cli::PlanArgs;
use crate::memory::{BatchPlan, Blueprint, Lever};

/// What is planned, and how to call it.
pub(super) struct Planned {
    pub(super) blueprint: Blueprint,
    /// `784-128-10 with 101,770 parameters, Adam`
    pub(super) network: String,
    /// The same in the language of people.
    pub(super) said: String,
    /// A sentence on where samples come from.
    pub(super) data: String,
}

/// All rows with what was asked about them.
pub(super) struct Report<'a> {
    pub(super) arguments: &'a PlanArgs,
    pub(super) subject: &'a Planned,
    pub(super) rows: &'a [BatchPlan],
    /// What levers save, if that was asked for.
    pub(super) levers: Option<&'a [Lever]>,
}

impl Report<'_> {
    pub(super) fn budget(&self) -> Option<u64> {
        self.arguments.budget.bytes()
    }

    /// Whether the budget suffices; `None` without one.
    pub(super) fn fits(&self, row: &BatchPlan) -> Option<bool> {
        self.budget().map(|budget| row.report.total() <= budget)
    }
}
