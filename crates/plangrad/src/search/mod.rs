//! A search for settings under which a network learns well: trials drawn at random, each a run in a folder of its own.
//!
//! Which trials there are follows from the seed alone and is written down before the first begins; what each has come to, its
//! own folder says. So there is no other state: a search that was killed looks into the folders and goes on, with the same
//! trials and the same bits. With halving, all trials get a few epochs, and the better ones go on; a trial that is left behind
//! is a run that pauses, and `train --resume` continues it.
//!
//! Sources: Bergstra and Bengio, "Random search for hyper-parameter optimization", 2012; Jamieson and Talwalkar,
//! "Non-stochastic best arm identification and hyperparameter optimization", 2016.

mod course;
mod plan;
mod rungs;
mod score;
mod space;

pub(crate) use self::rungs::Method;
pub(crate) use course::{Course, Progress, Reached};
pub(crate) use plan::{PlannedTrial, SearchPlan, trial_folder};
pub(crate) use space::Rates;
pub(crate) use space::{Draw, Space};
