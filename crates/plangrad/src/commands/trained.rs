//! Opening the model that a command is about.

use crate::cli::TrainedModelArgs;
use crate::error::{Error, Result};
use crate::model::Model;
use crate::train::BEST;

/// The model that options name, or of a run its best.
pub(super) fn open(arguments: &TrainedModelArgs) -> Result<Model> {
    let TrainedModelArgs { model, best } = arguments;
    if !best {
        return Model::open(model);
    }
    let file = model.join(BEST);
    if !file.is_file() {
        let problem = format!("{} has no {BEST}, which train --keep best keeps", model.display());
        return Err(Error::option("--best", problem));
    }
    Model::open(&file)
}
