//! Memory that requests share: taken before it is filled, given back when it is dropped.

use std::sync::Mutex;
use std::sync::PoisonError;

/// So many bytes.
#[derive(Debug)]
pub(crate) struct Room {
    free: Mutex<u64>,
}

/// A part of a room.
#[derive(Debug)]
pub(crate) struct Taken<'a> {
    room: &'a Room,
    bytes: u64,
}

impl Room {
    pub(crate) fn new(bytes: u64) -> Self {
        Self { free: Mutex::new(bytes) }
    }

    /// Takes so many bytes, if they are free.
    pub(crate) fn take(&self, bytes: u64) -> Option<Taken<'_>> {
        let mut taken = Taken { room: self, bytes: 0 };
        taken.grow(bytes).then_some(taken)
    }
}

impl Taken<'_> {
    /// Takes so many bytes more; `false` if they are not free.
    pub(crate) fn grow(&mut self, more: u64) -> bool {
        let mut free = self.room.free.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(left) = free.checked_sub(more) else { return false };
        *free = left;
        self.bytes += more;
        true
    }
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        *self.room.free.lock().unwrap_or_else(PoisonError::into_inner) += self.bytes;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_room_gives_what_it_has_and_gets_it_back() {
        let room = Room::new(10);
        let mut four = room.take(4).unwrap();
        assert!(room.take(7).is_none() && !four.grow(7) && four.grow(6) && room.take(1).is_none());
        drop(four);
        assert!(room.take(10).is_some() && room.take(u64::MAX).is_none());
    }
}
