//! Memory that images take while they are decoded, several at once: whoever needs more than is left waits until another one
//! is done, so that an image is refused only if it would not fit by itself.

use std::path::Path;
use std::sync::{Condvar, Mutex, PoisonError};

use crate::{Error, Result};

/// Bytes for all images that are decoded at a time.
#[derive(Debug)]
pub(super) struct Room {
    all: u64,
    left: Mutex<u64>,
    given_back: Condvar,
}

/// Bytes taken, given back when dropped.
#[derive(Debug)]
pub(super) struct Taken<'a> {
    room: &'a Room,
    bytes: u64,
}

impl Room {
    /// So many bytes; `None` for no limit.
    pub(super) fn new(bytes: Option<u64>) -> Self {
        let all = bytes.unwrap_or(u64::MAX);
        Self { all, left: Mutex::new(all), given_back: Condvar::new() }
    }

    /// Takes bytes for an image, once there are as many.
    ///
    /// # Errors
    /// [`Error::MemoryLimit`] if there never will be.
    pub(super) fn take(&self, bytes: u64, image: &Path) -> Result<Taken<'_>> {
        if bytes > self.all {
            return Err(Error::MemoryLimit { dataset: image.display().to_string(), bytes, memory: self.all });
        }
        let left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        let mut left =
            self.given_back.wait_while(left, |left| *left < bytes).unwrap_or_else(PoisonError::into_inner);
        *left -= bytes;
        Ok(Taken { room: self, bytes })
    }
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        *self.room.left.lock().unwrap_or_else(PoisonError::into_inner) += self.bytes;
        self.room.given_back.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_is_taken_at_a_time_than_there_is_and_all_of_it_can_be() {
        let room = Room::new(Some(100));
        let most = Mutex::new((0_u64, 0_u64));
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for bytes in 1..=100 {
                        let taken = room.take(bytes, Path::new("x.png")).unwrap();
                        let add = |bytes: i64| {
                            let mut most = most.lock().unwrap();
                            most.0 = most.0.checked_add_signed(bytes).unwrap();
                            most.1 = most.1.max(most.0);
                        };
                        add(bytes as i64);
                        std::thread::yield_now();
                        add(-(bytes as i64));
                        drop(taken);
                    }
                });
            }
        });
        assert_eq!(*most.lock().unwrap(), (0, 100));
        assert_eq!(*room.left.lock().unwrap(), 100);
    }

    #[test]
    fn an_image_that_never_fits_is_refused_at_once_with_both_numbers() {
        let room = Room::new(Some(100));
        let _all = room.take(100, Path::new("x.png")).unwrap();
        let refused = room.take(101, Path::new("big.png")).unwrap_err().to_string();
        assert!(refused.starts_with("big.png needs 101 bytes of memory, and 100 may be taken"), "{refused}");
        assert!(Room::new(None).take(u64::MAX, Path::new("x.png")).is_ok());
    }
}
