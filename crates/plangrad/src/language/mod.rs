//! The languages in which people are spoken to: English, and 简体中文 by a catalogue.
//!
//! An English text is its own key, as with gettext, so that the code says what the program says. JSON, errors and what files hold
//! stay English.

mod catalogue;
mod chinese;
mod choice;

pub(crate) use catalogue::filled;
pub use choice::Language;

/// A text for people, in their language: `text!("Epoch {epoch}: loss {loss:.4}", epoch, loss = event.loss)`; in another language:
/// `text!(language; "…")`.
///
/// The text is that of the code, or its translation, in which the same names stand in any order.
macro_rules! text {
    ($language:expr; $english:literal $(, $name:ident $(= $value:expr)?)* $(,)?) => {
        match $language.translation($english) {
            None => format!($english $(, $name = $crate::language::value!($name $(= $value)?))*),
            Some(template) => $crate::language::filled(
                template,
                &[$((stringify!($name), &$crate::language::value!($name $(= $value)?))),*],
            ),
        }
    };
    ($english:literal $($rest:tt)*) => {
        $crate::language::text!($crate::language::Language::current(); $english $($rest)*)
    };
}

/// The value of a name in [`text!`].
macro_rules! value {
    ($name:ident) => {
        $name
    };
    ($name:ident = $value:expr) => {
        $value
    };
}

pub(crate) use {text, value};

#[cfg(test)]
mod tests;
