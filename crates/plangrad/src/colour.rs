//! Which colours a terminal has, according to the environment.
//!
//! `NO_COLOR` (<https://no-color.org>) and `CLICOLOR_FORCE` (<https://bixense.com/clicolors>) decide where they are set;
//! otherwise colours are for terminals alone. No terminal is asked anything: an answer might never come.

use std::env;

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

/// The colour of xterm's palette nearest to `colour`: of its cube, or of its 24 greys (8, 18 … 238), 232 to 255.
fn indexed(colour: [u8; 3]) -> u8 {
    let level = colour.map(|value| nearest(&CUBE, value));
    let cube = level.map(|level| CUBE[level]);
    let mean = colour.iter().map(|&value| u32::from(value)).sum::<u32>() / 3;
    let grey_level = (mean.saturating_sub(3) / 10).min(23) as u8;
    let grey = [8 + 10 * grey_level; 3];
    if distance(colour, grey) < distance(colour, cube) {
        232 + grey_level
    } else {
        level.iter().fold(0, |index, &level| index * 6 + level as u8) + 16
    }
}

fn nearest(levels: &[u8], value: u8) -> usize {
    (0..levels.len()).min_by_key(|&level| levels[level].abs_diff(value)).unwrap_or(0)
}

fn distance(one: [u8; 3], other: [u8; 3]) -> u32 {
    one.iter().zip(other).map(|(&a, b)| u32::from(a.abs_diff(b)).pow(2)).sum()
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
    }
}
