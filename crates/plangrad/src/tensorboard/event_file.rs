//! The events of a run: what TensorBoard shows of it.

use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use plangrad_nn::Module;
use plangrad_tensor::{LearningRate, Session};

use super::record::record;
use super::summary::{histogram, image, scalar, text};
use crate::error::{Error, Result};
use crate::picture::Picture;
use crate::protobuf::Message;
use crate::train::{Event, Observer, Position, Reporter, RunFolder, Settings, StepNumbers};

/// An event file, open.
pub(crate) struct EventFile {
    file: File,
    path: PathBuf,
    numbers: StepNumbers,
    last_step: u64,
    learning_rate: LearningRate,
}

impl EventFile {
    /// Begins a file in the folder `tensorboard` of the run, which has taken so many steps, and takes those that follow by these
    /// numbers. TensorBoard forgets what earlier files have said about steps from there on.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub(crate) fn begin(
        folder: &RunFolder,
        settings: &Settings,
        numbers: StepNumbers,
        steps: u64,
    ) -> Result<EventFile> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let (file, path) = folder.open_event_file(&format!("events.out.tfevents.{now:010}.plangrad"))?;
        let last_step = numbers.taken(settings.epochs, numbers.per_epoch(settings.epochs));
        let last_step = settings.max_steps.map_or(last_step, |most| most.min(last_step));
        let learning_rate = settings.learning_rate();
        let mut events = EventFile { file, path, numbers, last_step, learning_rate };
        events.write(0, |event| event.text(3, "brain.Event:2"))?;
        const STARTED: i64 = 1;
        events.write(steps, |event| event.message(7, &Message::new().integer(1, STARTED)))?;
        let config = settings.to_toml(&events.path)?;
        events.show(steps, &[text("settings", &format!("```\n{config}```"))])?;
        Ok(events)
    }

    /// Shows pictures of a run that has ended.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub(crate) fn show_pictures<'a>(
        &mut self,
        pictures: impl IntoIterator<Item = (String, &'a Picture)>,
    ) -> Result<()> {
        for (tag, picture) in pictures {
            let png = picture.to_png(&self.path)?;
            self.show(self.last_step, &[image(&tag, picture, &png)])?;
        }
        Ok(())
    }

    fn add(&mut self, event: &Event) -> Result<()> {
        match event {
            Event::Step { epoch, step, loss } => {
                let step = self.numbers.taken(*epoch, step + 1);
                let rate = self.learning_rate.at(step);
                self.show(step, &[scalar("loss/batch", *loss), scalar("learning_rate", rate)])
            }
            Event::Epoch { epoch, .. } => {
                let scalars: Vec<Message> = scalars(event).map(|(tag, value)| scalar(tag, value)).collect();
                self.show(self.end_of(*epoch), &scalars)
            }
            _ => Ok(()),
        }
    }

    fn add_weights(&mut self, epoch: u64, model: &dyn Module, session: &Session) -> Result<()> {
        for parameter in model.weights().parameters() {
            let values = session.parameter(parameter.id())?;
            self.show(self.end_of(epoch), &[histogram(parameter.name(), &values)])?;
        }
        Ok(())
    }

    /// The last step of an epoch, or of the run, should it end within.
    fn end_of(&self, epoch: u64) -> u64 {
        self.numbers.taken(epoch, self.numbers.per_epoch(epoch)).min(self.last_step)
    }

    fn show(&mut self, step: u64, values: &[Message]) -> Result<()> {
        let summary = Message::new().messages(1, values);
        self.write(step, |event| event.message(5, &summary))
    }

    /// Appends an event of this step as a whole.
    fn write(&mut self, step: u64, fill: impl FnOnce(Message) -> Message) -> Result<()> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64());
        let event = fill(Message::new().double(1, now).integer(2, step as i64));
        self.file.write_all(&record(&event.into_bytes())).map_err(Error::io(&self.path, "written"))
    }
}

/// The numbers of an epoch, each under the name of its chart.
fn scalars(event: &Event) -> impl Iterator<Item = (&'static str, f64)> {
    let mut found = Vec::new();
    if let Event::Epoch {
        train_loss,
        validation_loss,
        validation_accuracy,
        test_loss,
        test_accuracy,
        train_seconds,
        samples_per_second,
        measured_bytes,
        ..
    } = event
    {
        found = vec![
            ("loss/train", Some(*train_loss)),
            ("loss/validation", *validation_loss),
            ("accuracy/validation", *validation_accuracy),
            ("loss/test", *test_loss),
            ("accuracy/test", *test_accuracy),
            ("time/train_seconds", Some(*train_seconds)),
            ("time/samples_per_second", Some(*samples_per_second)),
            ("memory/measured_bytes", Some(*measured_bytes as f64)),
        ];
    }
    found.into_iter().filter_map(|(tag, value)| Some((tag, value?)))
}

/// A reporter, and an event file beside it, if one is wanted.
pub(crate) struct Watched<'a> {
    pub(crate) reporter: &'a mut Reporter,
    pub(crate) events: Option<&'a mut EventFile>,
}

impl Observer for Watched<'_> {
    fn event(&mut self, event: &Event) -> Result<()> {
        self.events.as_mut().map_or(Ok(()), |events| events.add(event))?;
        self.reporter.event(event)
    }

    fn position(&mut self, position: &Position) {
        self.reporter.position(position);
    }

    fn weights(&mut self, epoch: u64, model: &dyn Module, session: &Session) -> Result<()> {
        self.events.as_mut().map_or(Ok(()), |events| events.add_weights(epoch, model, session))
    }
}
