//! Training: from settings to a run folder with a saved model.
//!
//! A run is a function of its [`Settings`] and its data. Its state at any moment is a checkpoint; resuming from one leads
//! to the same bits as never having stopped. What happens on the way is reported to an [`Observer`] as [`Event`]s.

mod basis;
mod best;
mod class_weights;
mod divergence;
mod engine;
mod epoch_end;
mod epochs;
mod event;
mod fingerprint;
mod folder;
mod growing_log;
mod interrupt;
mod ladder;
mod layout;
mod log;
pub(crate) mod plans;
mod remedy;
mod report;
mod resume;
mod saving;
mod session;
mod settings;
mod source;
mod step_numbers;
mod stop;
mod subject;
mod trainer;
mod words;
mod wrong_setting;

pub(crate) use basis::{SettingChange, known_instruction_set};
pub use best::{Criterion, KeptModel, UnknownWord};
pub(crate) use class_weights::class_counts;
pub use divergence::DivergenceRemedy;
pub(crate) use engine::{Engine, Stretch};
pub(crate) use epochs::EpochWalk;
pub use event::{BestModel, Event, Observer, Position, Rung, Verdict};
pub(crate) use fingerprint::RowChanges;
pub use fingerprint::{Fingerprint, Standing};
pub(crate) use folder::read_fingerprint;
pub(crate) use folder::{BEST, CHECKPOINT, CONFIG, METRICS, MODEL, REPORT, SESSIONS};
pub use folder::{Existing, RunFolder};
pub(crate) use growing_log::GrowingLog;
pub use interrupt::Interrupts;
pub use ladder::{OnOom, Resources};
pub(crate) use layout::{Activations, MemoryLayout, Placement, StepConfig};
pub use layout::{Recomputing, SampleCounts, StepMemory};
pub(crate) use log::each_line;
pub(crate) use remedy::{Offers, Refused, YET_REFUSED};
pub use report::{Reporter, Shows};
pub(crate) use report::{describe, plan_line};
pub(crate) use session::RunSession;
pub use settings::Settings;
pub(crate) use settings::{CHANGEABLE, LEARNING_RATE};
pub(crate) use source::{Data, class_targets, first_rows, scaled_source, target_kind};
pub use source::{source, task};
pub(crate) use step_numbers::StepNumbers;
pub use stop::Stop;
pub use subject::Subject;
pub(crate) use subject::{Levers, check_samples};
pub(crate) use trainer::Tested;
pub use trainer::{Outcome, Trainer};
pub(crate) use words::{layers, learning, network, network_and_optimizer, samples, units};
pub use wrong_setting::WrongSetting;
