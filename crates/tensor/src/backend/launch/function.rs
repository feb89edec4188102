//! The kernels as a driver knows them: functions, each in a module of its own.

use crate::backend::cuda::ComputeCapability;

/// A function, in the order of what they can do: a launch takes the first that has all its tiles.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Function {
    /// For stages of small and medium work.
    Stage,
    /// For stages with large products: more registers.
    StageLarge,
    /// For stages with large products in TF32.
    StageTensor,
}

impl Function {
    /// All of them.
    pub(crate) const ALL: [Function; 3] = [Function::Stage, Function::StageLarge, Function::StageTensor];

    /// Its name, also that of its source in `kernels/` and of its module. A module is loaded when it is first needed, as
    /// compiling it takes a driver some time.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Function::Stage => "stage",
            Function::StageLarge => "stage_large",
            Function::StageTensor => "stage_tensor",
        }
    }

    /// The oldest GPUs that it works on.
    pub(crate) fn needed(self) -> ComputeCapability {
        match self {
            Function::Stage | Function::StageLarge => ComputeCapability::NEEDED,
            Function::StageTensor => ComputeCapability::TF32,
        }
    }
}
