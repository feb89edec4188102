//! The one argument of a CUDA launch: items, each one task with every address in it.

use std::mem::MaybeUninit;

use super::shared::{Shared, Word, Words, shared};

/// What the device code of one kind of work reads. Implemented where the kinds are listed.
pub(crate) trait KernelParameters: Words + Copy {
    /// The number of the kind.
    const KIND: u32;
}

/// Parameters of any kind: in C++ a union.
#[repr(transparent)]
#[derive(Clone, Copy)]
pub(crate) struct Work(MaybeUninit<[u64; Work::WORDS]>);

impl Work {
    /// Those of the largest kind.
    pub(crate) const WORDS: usize = 25;

    pub(crate) fn new<P: KernelParameters>(parameters: P) -> Work {
        const { assert!(size_of::<P>() <= size_of::<Work>() && align_of::<P>() <= align_of::<Work>()) };
        let mut words = MaybeUninit::<[u64; Work::WORDS]>::uninit();
        // SAFETY: the words are at least as large and as aligned as the parameters, which need no drop.
        unsafe { words.as_mut_ptr().cast::<P>().write(parameters) };
        Work(words)
    }
}

/// Known by its bytes only: what is taken apart is what it is made of.
impl Words for Work {
    const COUNT: usize = 0;

    fn push(&self, _: &mut Vec<Word>) {}
}

impl Shared for Work {
    fn declare(name: &str) -> String {
        format!("Work {name}")
    }
}

shared! {
    /// Most items of a launch: as many as fit into a kernel's parameters.
    const MOST_ITEMS: u32 = 16;

    /// One task.
    struct Item {
        /// Which of `Kind`.
        kind: u32,
        /// Blocks of the launch that work on it.
        blocks: u32,
        work: Work,
    }

    /// What a launch reads.
    struct Items {
        /// The first block of each item, side by side, so that a block finds its own by one read; the largest number where
        /// there is no item.
        first_blocks: [u32; MOST_ITEMS as usize],
        items: [Item; MOST_ITEMS as usize],
    }
}

/// Every driver takes so many bytes of parameters.
const _: () = assert!(size_of::<Items>() <= 4096);

impl Items {
    pub(crate) fn new() -> Items {
        let nothing = Item { kind: 0, blocks: 0, work: Work(MaybeUninit::zeroed()) };
        Items { first_blocks: [u32::MAX; MOST_ITEMS as usize], items: [nothing; MOST_ITEMS as usize] }
    }

    /// Adds an item, whose blocks come after those that are there.
    pub(crate) fn push(&mut self, item: Item) {
        let place = self.first_blocks.iter().take_while(|&&block| block != u32::MAX).count();
        self.first_blocks[place] = self.items[..place].iter().map(|item| item.blocks).sum();
        self.items[place] = item;
    }
}
