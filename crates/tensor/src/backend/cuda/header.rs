//! `kernels/generated.cuh`: everything that the kernels and this crate must have alike, as C++.

use crate::backend::launch::{common, formula, items, kernels, tile};

const HEAD: &str = "\
// What the kernels share with src/backend/launch, made from there by `cargo xtask kernels`: change it there.
//
// Sizes are in elements unless they are called bytes.
#pragma once

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
";

/// The file's text.
#[must_use]
pub fn text() -> String {
    [
        HEAD.to_owned(),
        common::cpp(),
        tile::cpp(),
        tile::shapes(),
        formula::cpp(),
        kernels::cpp(),
        items::cpp(),
    ]
    .concat()
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_committed_header_is_up_to_date() {
        let committed = include_str!("../../../kernels/generated.cuh");
        assert!(super::text() == committed, "run `cargo xtask kernels`");
    }
}
