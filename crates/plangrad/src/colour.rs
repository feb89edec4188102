//! Which colours a terminal has, according to the environment.
//!
//! `NO_COLOR` (<https://no-color.org>) and `CLICOLOR_FORCE` (<https://bixense.com/clicolors>) decide where they are set;
//! otherwise colours are for terminals alone. No terminal is asked anything: an answer might never come.

use std::env;
use std::sync::LazyLock;

/// Colours that can be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colour {
    /// None: text only.
    None,
    /// The 256 of xterm.
    Indexed,
    /// Any, in 24 bits.
    True,
}

impl Colour {
    /// The colours of a stream, which may be a terminal.
    #[must_use]
    pub fn detect(is_terminal: bool) -> Self {
        let variable = |name: &str| env::var(name).unwrap_or_default();
        Self::from_environment(is_terminal, &variable)
    }

    fn from_environment(is_terminal: bool, variable: &dyn Fn(&str) -> String) -> Self {
        let forced = !matches!(variable("CLICOLOR_FORCE").as_str(), "" | "0");
        let term = variable("TERM");
        let capable = is_terminal && !matches!(term.as_str(), "" | "dumb");
        if !variable("NO_COLOR").is_empty() || !(forced || capable) {
            return Self::None;
        }
        match variable("COLORTERM").as_str() {
            "truecolor" | "24bit" => Self::True,
            _ if term.ends_with("-direct") => Self::True,
            _ if forced || term.contains("256") => Self::Indexed,
            _ => Self::None,
        }
    }

    /// Sets the colours of what is printed next: of the letters and of the ground behind them.
    #[must_use]
    pub fn select(self, letters: [u8; 3], ground: [u8; 3]) -> String {
        match self {
            Self::None => String::new(),
            Self::Indexed => format!("\x1b[38;5;{};48;5;{}m", indexed(letters), indexed(ground)),
            Self::True => {
                let ([r, g, b], [x, y, z]) = (letters, ground);
                format!("\x1b[38;2;{r};{g};{b};48;2;{x};{y};{z}m")
            }
        }
    }

    /// Ends what [`select`](Self::select) began.
    #[must_use]
    pub fn reset(self) -> &'static str {
        if self == Self::None { "" } else { "\x1b[0m" }
    }
}

/// Levels of a channel in the colour cube of xterm's palette, colours 16 to 231.
const CUBE: [u8; 6] = [0, 95, 135, 175, 215, 255];

/// The colours 16 to 255 of xterm's palette as they are seen: those of its cube, and its 24 greys (8, 18 … 238). The first 16 are
/// left out, since users choose them.
static PALETTE: LazyLock<Vec<[f32; 3]>> = LazyLock::new(|| {
    let cube = (0..216).map(|i| [i / 36, i / 6 % 6, i % 6].map(|level| CUBE[level]));
    let greys = (0..24).map(|i| [8 + 10 * i; 3]);
    cube.chain(greys).map(seen).collect()
});

/// The colour of xterm's palette that looks most like `colour`.
pub(crate) fn indexed(colour: [u8; 3]) -> u8 {
    let colour = seen(colour);
    let mut nearest = (f32::INFINITY, 0);
    for (i, &other) in PALETTE.iter().enumerate() {
        let distance = colour.iter().zip(other).map(|(a, b)| (a - b).powi(2)).sum();
        if distance < nearest.0 {
            nearest = (distance, i);
        }
    }
    16 + nearest.1 as u8
}

/// A colour in Oklab (<https://bottosson.github.io/posts/oklab/>), where colours that look alike are near each other.
fn seen(colour: [u8; 3]) -> [f32; 3] {
    let [r, g, b] = colour.map(|value| match f32::from(value) / 255.0 {
        v if v <= 0.040_45 => v / 12.92,
        v => ((v + 0.055) / 1.055).powf(2.4),
    });
    let l = (0.412_221_47 * r + 0.536_332_54 * g + 0.051_445_993 * b).cbrt();
    let m = (0.211_903_5 * r + 0.680_699_5 * g + 0.107_396_96 * b).cbrt();
    let s = (0.088_302_46 * r + 0.281_718_84 * g + 0.629_978_7 * b).cbrt();
    [
        0.210_454_26 * l + 0.793_617_8 * m - 0.004_072_047 * s,
        1.977_998_5 * l - 2.428_592_2 * m + 0.450_593_7 * s,
        0.025_904_037 * l + 0.782_771_77 * m - 0.808_675_77 * s,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn detected(is_terminal: bool, variables: &[(&str, &str)]) -> Colour {
        let variable = |name: &str| {
            let found = variables.iter().find(|(variable, _)| *variable == name);
            found.map_or(String::new(), |(_, value)| (*value).to_owned())
        };
        Colour::from_environment(is_terminal, &variable)
    }

    #[test]
    fn colours_are_for_terminals_unless_the_environment_says_otherwise() {
        let rich = [("TERM", "xterm-256color"), ("COLORTERM", "truecolor")];
        assert_eq!((detected(true, &rich), detected(false, &rich)), (Colour::True, Colour::None));
        assert_eq!(detected(true, &rich[..1]), Colour::Indexed);
        assert_eq!(detected(true, &[("TERM", "xterm")]), Colour::None);
        assert_eq!(detected(true, &[("TERM", "dumb"), ("COLORTERM", "truecolor")]), Colour::None);
        assert_eq!(detected(false, &[("CLICOLOR_FORCE", "1")]), Colour::Indexed);
        let both = [("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1"), ("COLORTERM", "24bit")];
        assert_eq!(
            (detected(true, &both), detected(false, &[both[0], both[2]])),
            (Colour::None, Colour::True)
        );
    }

    #[test]
    fn the_nearest_colour_of_the_palette_is_chosen() {
        assert_eq!([[0, 0, 0], [255, 255, 255], [255, 0, 0], [0, 0, 95]].map(indexed), [16, 231, 196, 17]);
        assert_eq!([[128, 128, 128], [8, 8, 8], [238, 238, 238]].map(indexed), [244, 232, 255]);
        // As numbers this green is nearer to a dark grey (238); it does not look so.
        assert_eq!(indexed([45, 120, 45]), 28);
    }
}
