//! What Rust and C++ share, written once: constants, enums and structs of which both have the same.
//!
//! [`shared!`] takes definitions in Rust's syntax. Besides defining them it gives their text in C++, docs included, from
//! which `kernels/generated.cuh` is made. Only types that both languages lay out alike can be shared: numbers, addresses,
//! arrays and structs of those.

use std::fmt::Display;
use std::marker::PhantomData;

/// An address in the device's memory.
pub(crate) type Address = u64;

/// A type that C++ has too.
pub(super) trait Shared {
    /// A declaration of `name`, without the semicolon.
    fn declare(name: &str) -> String;
}

/// Implements [`Shared`] for types by their names in C++.
macro_rules! named {
    ($($type:ty = $name:expr,)*) => {
        $(impl $crate::backend::cuda::cpp::Shared for $type {
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
    pub(super) fn address(self) -> Address {
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
        $crate::backend::cuda::cpp::define_in_rust! { $($definitions)* }

        /// The definitions of this module that C++ shares.
        pub(crate) fn cpp() -> String {
            #[allow(unused_mut, reason = "there may be no definitions")]
            let mut text = String::new();
            $crate::backend::cuda::cpp::define_in_cpp! { text $($definitions)* }
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
        $crate::backend::cuda::cpp::define_in_rust! { $($rest)* }
    };
    ($(#[doc = $doc:literal])* enum $name:ident {
        $($(#[doc = $of_variant:literal])* $variant:ident,)*
    } $($rest:tt)*) => {
        $(#[doc = $doc])*
        #[repr(u32)]
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum $name {
            $($(#[doc = $of_variant])* $variant,)*
        }
        $crate::backend::cuda::cpp::named! { $name = stringify!($name), }
        $crate::backend::cuda::cpp::define_in_rust! { $($rest)* }
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
        $crate::backend::cuda::cpp::named! { $name = stringify!($name), }
        $crate::backend::cuda::cpp::define_in_rust! { $($rest)* }
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
        $crate::backend::cuda::cpp::named! { $name = stringify!($name), }
        $crate::backend::cuda::cpp::define_in_rust! { $($rest)* }
    };
}

/// The part of [`shared!`] that appends their definitions in C++ to a text.
macro_rules! define_in_cpp {
    ($text:ident) => {};
    ($text:ident $(#[doc = $doc:literal])* const $name:ident: $type:ty = $value:expr; $($rest:tt)*) => {
        let declaration = <$type as $crate::backend::cuda::cpp::Shared>::declare(stringify!($name));
        $text += &$crate::backend::cuda::cpp::constant(&[$($doc),*], &declaration, $name);
        $crate::backend::cuda::cpp::define_in_cpp! { $text $($rest)* }
    };
    ($text:ident $(#[doc = $doc:literal])* enum $name:ident {
        $($(#[doc = $of_variant:literal])* $variant:ident,)*
    } $($rest:tt)*) => {
        let variants = [$((&[$($of_variant),*] as &[&str], stringify!($variant).to_owned() + ",")),*];
        let head = concat!("enum class ", stringify!($name), " : u32");
        $text += &$crate::backend::cuda::cpp::block(&[$($doc),*], head, &variants);
        $crate::backend::cuda::cpp::define_in_cpp! { $text $($rest)* }
    };
    ($text:ident $(#[doc = $doc:literal])* $(extern)? struct $name:ident {
        $($(#[doc = $of_field:literal])* $field:ident: $type:ty,)*
    } $($rest:tt)*) => {
        let fields = [$({
            let declaration = <$type as $crate::backend::cuda::cpp::Shared>::declare(stringify!($field));
            (&[$($of_field),*] as &[&str], declaration + ";")
        }),*];
        let head = concat!("struct ", stringify!($name));
        $text += &$crate::backend::cuda::cpp::block(&[$($doc),*], head, &fields);
        $text += &$crate::backend::cuda::cpp::assert_size(stringify!($name), size_of::<$name>());
        $crate::backend::cuda::cpp::define_in_cpp! { $text $($rest)* }
    };
}

pub(super) use {define_in_cpp, define_in_rust, named, shared};

/// `declaration` as a constant.
pub(super) fn constant(docs: &[&str], declaration: &str, value: impl Display) -> String {
    format!("\n{}constexpr {declaration} = {value};\n", comments("", docs))
}

/// A definition with members in braces, each with its docs.
pub(super) fn block(docs: &[&str], head: &str, members: &[(&[&str], String)]) -> String {
    let members = members.iter().map(|(docs, member)| format!("{}    {member}\n", comments("    ", docs)));
    format!("\n{}{head} {{\n{}}};\n", comments("", docs), members.collect::<String>())
}

/// A check by the C++ compiler that it lays a struct out as Rust does.
pub(super) fn assert_size(name: &str, bytes: usize) -> String {
    format!("static_assert(sizeof({name}) == {bytes}, \"laid out as in Rust\");\n")
}

fn comments(indentation: &str, docs: &[&str]) -> String {
    docs.iter().map(|doc| format!("{indentation}///{doc}\n")).collect()
}
