//! Lists and texts that are kept of every row, and what they cost.

/// Bytes of a list or a text itself, and of what the allocator keeps and rounds for it.
pub(super) const HEADER: u64 = 56;

/// A list that is full grows by this part of its length: doubling it, as the standard library does, would take address space
/// that is never used, which a limit may be on.
pub(super) const GROWTH: usize = 8;

/// Adds an element to a list of one for each row.
pub(super) fn push<T>(list: &mut Vec<T>, element: T) {
    if list.len() == list.capacity() {
        list.reserve_exact((list.len() / GROWTH).max(64));
    }
    list.push(element);
}

/// Bytes of a text that is kept.
pub(super) fn text_bytes(text: &str) -> u64 {
    HEADER + text.len() as u64
}
