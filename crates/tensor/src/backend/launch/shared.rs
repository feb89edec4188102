//! What Rust and device code share, written once: constants, enums and structs of which both have the same.
//!
//! [`shared!`] takes definitions in Rust's syntax. Besides defining them it gives their text in C++, docs included, from
//! which `kernels/generated.cuh` is made, and in WGSL. Only types that Rust and C++ lay out alike can be shared: numbers,
//! addresses, arrays and structs of those. WGSL has nothing wider than 32 bits, so there the fields of a struct are a list of
//! [`Word`]s, and the text gives their places in it.

use std::fmt::Display;
use std::marker::PhantomData;

/// An address in the device's memory.
pub(crate) type Address = u64;

/// A type that C++ has too.
pub(crate) trait Shared {
    /// A declaration of `name`, without the semicolon.
    fn declare(name: &str) -> String;
}

/// A part of a struct where nothing is wider than 32 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Word {
    /// A number, or bits. One that does not fit into 32 is refused.
    Number(u64),
    /// The address of what a kernel reads or writes, or 0.
    Address(Address),
}

/// A type that can be taken apart into words.
pub(crate) trait Words {
    /// How many they are.
    #[cfg_attr(
        not(any(feature = "wgpu", target_os = "macos")),
        allow(dead_code, reason = "only WGSL is told their places")
    )]
    const COUNT: usize;

    /// Appends them.
    fn push(&self, to: &mut Vec<Word>);
}

/// All words of a struct.
pub(crate) fn words(parameters: &impl Words) -> Vec<Word> {
    let mut words = Vec::new();
    parameters.push(&mut words);
    words
}

/// Implements [`Words`] for types that are so many words each.
macro_rules! words {
    ($($type:ty = $count:literal: |$x:ident| $words:expr;)*) => {
        $(impl Words for $type {
            const COUNT: usize = $count;

            fn push(&self, to: &mut Vec<Word>) {
                let $x = *self;
                to.extend($words);
            }
        })*
    };
}

words! {
    u32 = 1: |x| [Word::Number(x.into())];
    u64 = 1: |x| [Word::Number(x)];
    f32 = 1: |x| [Word::Number(x.to_bits().into())];
    f64 = 2: |x| [Word::Number(x.to_bits() & 0xFFFF_FFFF), Word::Number(x.to_bits() >> 32)];
}

impl<T: Words, const N: usize> Words for [T; N] {
    const COUNT: usize = N * T::COUNT;

    fn push(&self, to: &mut Vec<Word>) {
        self.iter().for_each(|x| x.push(to));
    }
}

impl<T> Words for Input<T> {
    const COUNT: usize = 1;

    fn push(&self, to: &mut Vec<Word>) {
        to.push(Word::Address(self.0));
    }
}

impl<T> Words for Output<T> {
    const COUNT: usize = 1;

    fn push(&self, to: &mut Vec<Word>) {
        to.push(Word::Address(self.0));
    }
}

/// Implements [`Shared`] for types by their names in C++.
macro_rules! named {
    ($($type:ty = $name:expr,)*) => {
        $(impl $crate::backend::launch::shared::Shared for $type {
            fn declare(name: &str) -> String {
                format!("{} {name}", $name)
            }
        })*
    };
}

named! {
    u8 = "u8",
    u32 = "u32",
    u64 = "u64",
    f32 = "float",
    f64 = "double",
}

impl<T: Shared, const N: usize> Shared for [T; N] {
    fn declare(name: &str) -> String {
        T::declare(&format!("{name}[{N}]"))
    }
}

/// The address of what a kernel only reads.
#[repr(transparent)]
#[derive(Clone, Copy)]
pub(crate) struct Input<T>(Address, PhantomData<T>);

/// The address of what a kernel writes.
#[repr(transparent)]
#[derive(Clone, Copy)]
pub(crate) struct Output<T>(Address, PhantomData<T>);

impl<T> Input<T> {
    pub(crate) fn address(self) -> Address {
        self.0
    }
}

impl<T: Shared> Shared for Input<T> {
    fn declare(name: &str) -> String {
        format!("const {}", T::declare(&format!("*{name}")))
    }
}

impl<T: Shared> Shared for Output<T> {
    fn declare(name: &str) -> String {
        T::declare(&format!("*{name}"))
    }
}

impl<T> From<Address> for Input<T> {
    fn from(address: Address) -> Input<T> {
        Input(address, PhantomData)
    }
}

impl<T> From<Address> for Output<T> {
    fn from(address: Address) -> Output<T> {
        Output(address, PhantomData)
    }
}

/// Defines constants, enums and structs here, and a function `cpp` that gives their text in C++.
macro_rules! shared {
    ($($definitions:tt)*) => {
        $crate::backend::launch::shared::define_in_rust! { $($definitions)* }

        /// The definitions of this module that C++ shares.
        pub(crate) fn cpp() -> String {
            #[allow(unused_mut, reason = "there may be no definitions")]
            let mut text = String::new();
            $crate::backend::launch::shared::define_in_cpp! { text $($definitions)* }
            text
        }

        /// The same of WGSL.
        #[allow(dead_code, reason = "there a launch has no items, and tiles are a matter of modules")]
        #[cfg(any(feature = "wgpu", target_os = "macos"))]
        pub(crate) fn wgsl() -> String {
            #[allow(unused_mut, reason = "there may be no definitions")]
            let mut text = String::new();
            $crate::backend::launch::shared::define_in_wgsl! { text $($definitions)* }
            text
        }
    };
}

/// The part of [`shared!`] that defines them here, one after the other.
macro_rules! define_in_rust {
    () => {};
    ($(#[doc = $doc:literal])* const $name:ident: $type:ty = $value:expr; $($rest:tt)*) => {
        $(#[doc = $doc])*
        pub(crate) const $name: $type = $value;
        $crate::backend::launch::shared::define_in_rust! { $($rest)* }
    };
    ($(#[doc = $doc:literal])* enum $name:ident {
        $($(#[doc = $of_variant:literal])* $variant:ident,)*
    } $($rest:tt)*) => {
        $(#[doc = $doc])*
        #[repr(u32)]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub(crate) enum $name {
            $($(#[doc = $of_variant])* $variant,)*
        }
        $crate::backend::launch::shared::named! { $name = stringify!($name), }

        impl $crate::backend::launch::shared::Words for $name {
            const COUNT: usize = 1;

            fn push(&self, to: &mut Vec<$crate::backend::launch::shared::Word>) {
                (*self as u32).push(to);
            }
        }
        $crate::backend::launch::shared::define_in_rust! { $($rest)* }
    };
    ($(#[doc = $doc:literal])* struct $name:ident {
        $($(#[doc = $of_field:literal])* $field:ident: $type:ty,)*
    } $($rest:tt)*) => {
        $(#[doc = $doc])*
        #[repr(C)]
        #[derive(Clone, Copy)]
        pub(crate) struct $name {
            $($(#[doc = $of_field])* pub(crate) $field: $type,)*
        }
        $crate::backend::launch::shared::named! { $name = stringify!($name), }

        impl $crate::backend::launch::shared::Words for $name {
            const COUNT: usize = 0 $(+ <$type as $crate::backend::launch::shared::Words>::COUNT)*;

            fn push(&self, to: &mut Vec<$crate::backend::launch::shared::Word>) {
                $(self.$field.push(to);)*
            }
        }
        $crate::backend::launch::shared::define_in_rust! { $($rest)* }
    };
    // A struct that is defined elsewhere, field for field.
    ($(#[doc = $doc:literal])* extern struct $name:ident {
        $($(#[doc = $of_field:literal])* $field:ident: $type:ty,)*
    } $($rest:tt)*) => {
        const _: () = {
            // Neither field nor type can be missing or different here, and they lie in this order.
            #[allow(dead_code, reason = "the compiler checks it")]
            fn fields($name { $($field),* }: $name) -> ($($type,)*) {
                ($($field,)*)
            }
            let offsets = [$(std::mem::offset_of!($name, $field)),*];
            let mut i = 1;
            while i < offsets.len() {
                assert!(offsets[i - 1] < offsets[i]);
                i += 1;
            }
        };
        $crate::backend::launch::shared::named! { $name = stringify!($name), }
        $crate::backend::launch::shared::define_in_rust! { $($rest)* }
    };
}

/// The part of [`shared!`] that appends their definitions in C++ to a text.
macro_rules! define_in_cpp {
    ($text:ident) => {};
    ($text:ident $(#[doc = $doc:literal])* const $name:ident: $type:ty = $value:expr; $($rest:tt)*) => {
        let declaration = <$type as $crate::backend::launch::shared::Shared>::declare(stringify!($name));
        $text += &$crate::backend::launch::shared::constant(&[$($doc),*], &declaration, $name);
        $crate::backend::launch::shared::define_in_cpp! { $text $($rest)* }
    };
    ($text:ident $(#[doc = $doc:literal])* enum $name:ident {
        $($(#[doc = $of_variant:literal])* $variant:ident,)*
    } $($rest:tt)*) => {
        let variants = [$((&[$($of_variant),*] as &[&str], stringify!($variant).to_owned() + ",")),*];
        let head = concat!("enum class ", stringify!($name), " : u32");
        $text += &$crate::backend::launch::shared::block(&[$($doc),*], head, &variants);
        $crate::backend::launch::shared::define_in_cpp! { $text $($rest)* }
    };
    ($text:ident $(#[doc = $doc:literal])* $(extern)? struct $name:ident {
        $($(#[doc = $of_field:literal])* $field:ident: $type:ty,)*
    } $($rest:tt)*) => {
        let fields = [$({
            let declaration = <$type as $crate::backend::launch::shared::Shared>::declare(stringify!($field));
            (&[$($of_field),*] as &[&str], declaration + ";")
        }),*];
        let head = concat!("struct ", stringify!($name));
        $text += &$crate::backend::launch::shared::block(&[$($doc),*], head, &fields);
        $text += &$crate::backend::launch::shared::assert_size(stringify!($name), size_of::<$name>());
        $crate::backend::launch::shared::define_in_cpp! { $text $($rest)* }
    };
}

/// The part of [`shared!`] that appends their definitions in WGSL to a text: constants, for it has no enums, and structs are
/// read word by word.
#[cfg(any(feature = "wgpu", target_os = "macos"))]
macro_rules! define_in_wgsl {
    ($text:ident) => {};
    ($text:ident $(#[doc = $doc:literal])* const $name:ident: $type:ty = $value:expr; $($rest:tt)*) => {
        $text += &$crate::backend::launch::shared::wgsl_constant(stringify!($name), $name as u32);
        $crate::backend::launch::shared::define_in_wgsl! { $text $($rest)* }
    };
    ($text:ident $(#[doc = $doc:literal])* enum $name:ident {
        $($(#[doc = $of_variant:literal])* $variant:ident,)*
    } $($rest:tt)*) => {
        $(
            let name = concat!(stringify!($name), stringify!($variant));
            $text += &$crate::backend::launch::shared::wgsl_constant(name, $name::$variant as u32);
        )*
        $crate::backend::launch::shared::define_in_wgsl! { $text $($rest)* }
    };
    ($text:ident $(#[doc = $doc:literal])* struct $name:ident {
        $($(#[doc = $of_field:literal])* $field:ident: $type:ty,)*
    } $($rest:tt)*) => {
        let mut place = 0;
        $(
            let name = concat!(stringify!($name), "_", stringify!($field));
            $text += &$crate::backend::launch::shared::wgsl_constant(name, place);
            place += <$type as $crate::backend::launch::shared::Words>::COUNT as u32;
        )*
        $text += &$crate::backend::launch::shared::wgsl_constant(concat!(stringify!($name), "_WORDS"), place);
        $crate::backend::launch::shared::define_in_wgsl! { $text $($rest)* }
    };
    // In memory it lies as it does here.
    ($text:ident $(#[doc = $doc:literal])* extern struct $name:ident {
        $($(#[doc = $of_field:literal])* $field:ident: $type:ty,)*
    } $($rest:tt)*) => {
        $(
            let name = concat!(stringify!($name), "_", stringify!($field));
            let place = std::mem::offset_of!($name, $field) as u32 / 4;
            $text += &$crate::backend::launch::shared::wgsl_constant(name, place);
        )*
        $crate::backend::launch::shared::define_in_wgsl! { $text $($rest)* }
    };
}

#[cfg(any(feature = "wgpu", target_os = "macos"))]
pub(crate) use define_in_wgsl;
pub(crate) use {define_in_cpp, define_in_rust, named, shared};

/// `declaration` as a constant.
pub(crate) fn constant(docs: &[&str], declaration: &str, value: impl Display) -> String {
    format!("\n{}constexpr {declaration} = {value};\n", comments("", docs))
}

/// A definition with members in braces, each with its docs.
pub(crate) fn block(docs: &[&str], head: &str, members: &[(&[&str], String)]) -> String {
    let members = members.iter().map(|(docs, member)| format!("{}    {member}\n", comments("    ", docs)));
    format!("\n{}{head} {{\n{}}};\n", comments("", docs), members.collect::<String>())
}

/// A check by the C++ compiler that it lays a struct out as Rust does.
pub(crate) fn assert_size(name: &str, bytes: usize) -> String {
    format!("static_assert(sizeof({name}) == {bytes}, \"laid out as in Rust\");\n")
}

#[cfg(any(feature = "wgpu", target_os = "macos"))]
/// A constant of WGSL, its name in capitals.
pub(crate) fn wgsl_constant(name: &str, value: u32) -> String {
    format!("const {}: u32 = {value}u;\n", capitals(name))
}

#[cfg(any(feature = "wgpu", target_os = "macos"))]
/// `LargerShare` and `larger_share` as `LARGER_SHARE`.
pub(crate) fn capitals(name: &str) -> String {
    let mut capitals = String::new();
    let mut after_small = false;
    for letter in name.chars() {
        if after_small && letter.is_ascii_uppercase() {
            capitals.push('_');
        }
        after_small = letter.is_ascii_lowercase() || letter.is_ascii_digit();
        capitals.push(letter.to_ascii_uppercase());
    }
    capitals
}

fn comments(indentation: &str, docs: &[&str]) -> String {
    docs.iter().map(|doc| format!("{indentation}///{doc}\n")).collect()
}
