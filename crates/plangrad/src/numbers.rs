//! Numbers as people read them: with separated thousands, counted nouns and units.

pub use plangrad_data::grouped;
use serde::Serializer;

/// `1 sample`, `10,000 samples`.
pub(crate) fn counted(number: usize, noun: &str) -> String {
    format!("{} {noun}{}", grouped(number), if number == 1 { "" } else { "s" })
}

/// `1 step`, `313 steps` in the language of people: a text of the catalogue for one, and one for several.
macro_rules! counted_text {
    ($number:expr, $one:literal, $several:literal) => {{
        let number = $crate::numbers::grouped($number);
        if number == "1" {
            $crate::language::text!($one, number)
        } else {
            $crate::language::text!($several, number)
        }
    }};
}

pub(crate) use counted_text;

/// A share: `97.31 %`.
pub(crate) fn percent(share: f64) -> String {
    format!("{:.2} %", 100.0 * share)
}

/// A number as 32 bits would be written if it is one of those, else with all digits of its 64: outputs of a network have no more.
pub(crate) fn shortest(number: f64) -> String {
    let single = number as f32;
    if f64::from(single) == number { single.to_string() } else { number.to_string() }
}

/// The same in JSON; `null` if there is none.
pub(crate) fn serialize_shortest<S: Serializer>(
    number: &Option<f64>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match *number {
        None => serializer.serialize_none(),
        Some(value) if f64::from(value as f32) == value => serializer.serialize_f32(value as f32),
        Some(value) => serializer.serialize_f64(value),
    }
}

/// `3.20 GiB`, `1.82 MiB`, `3.1 KiB`, `832 bytes`
pub(crate) fn size(bytes: u64) -> String {
    match bytes {
        0..1024 => counted(bytes as usize, "byte"),
        1024..1_048_576 => format!("{:.1} KiB", bytes as f64 / 1024.0),
        1_048_576..1_073_741_824 => format!("{:.2} MiB", bytes as f64 / 1_048_576.0),
        1_073_741_824..1_099_511_627_776 => format!("{:.2} GiB", bytes as f64 / 1_073_741_824.0),
        _ => format!("{:.2} TiB", bytes as f64 / 1_099_511_627_776.0),
    }
}

/// A number of bytes with its thousands apart.
pub(crate) fn grouped_bytes(bytes: u64) -> String {
    grouped(usize::try_from(bytes).unwrap_or(usize::MAX))
}

/// A number with at most four decimals, very large and small ones with an exponent: `-0.4242`, `12`, `1.2500e-7`.
pub(crate) fn short(number: f64) -> String {
    let magnitude = number.abs();
    if magnitude != 0.0 && !(1e-4..1e9).contains(&magnitude) {
        return format!("{number:.4e}");
    }
    let text = format!("{number:.4}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_set_apart_and_nouns_counted() {
        assert_eq!([0, 999, 101_770, 1_234_567].map(grouped), ["0", "999", "101,770", "1,234,567"]);
        assert_eq!([counted(1, "sample"), counted(1000, "sample")], ["1 sample", "1,000 samples"]);
    }

    #[test]
    fn numbers_are_written_without_idle_zeros() {
        assert_eq!([12.0, -0.424_213, 0.0, 1.5].map(short), ["12", "-0.4242", "0", "1.5"]);
        assert_eq!([1.25e-7, -3e12].map(short), ["1.2500e-7", "-3.0000e12"]);
    }
}
