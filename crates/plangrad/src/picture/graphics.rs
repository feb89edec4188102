//! Pictures in terminals that show pixels: the protocols of kitty, iTerm2, and sixel.
//!
//! Which of them a terminal supports is read from its environment: it is not queried, since a reply might never come. Within tmux and
//! screen there are none, as these pass on only what they know.

use std::env;
use std::fmt::Write;
use std::path::Path;

use super::{Picture, PictureError};
use crate::base64::base64;

/// Bytes of base64 in one command of kitty's protocol.
const CHUNK: usize = 4096;

/// Levels of red, green and blue in sixel's palette, which has 252 colours.
const LEVELS: [usize; 3] = [6, 7, 6];

/// Greys in it, for pictures that are grey.
const GREYS: usize = 64;

/// How a terminal shows pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Graphics {
    /// Not at all.
    None,
    /// <https://sw.kovidgoyal.net/kitty/graphics-protocol/>
    Kitty,
    /// <https://iterm2.com/documentation-images.html>
    Iterm2,
    /// The graphics of the VT340.
    Sixel,
}

impl Graphics {
    /// What a stream, which may be a terminal, can show.
    #[must_use]
    pub fn detect(is_terminal: bool) -> Self {
        Self::from_environment(is_terminal, &|name| env::var(name).unwrap_or_default())
    }

    fn from_environment(is_terminal: bool, variable: &dyn Fn(&str) -> String) -> Self {
        match variable("PLANGRAD_GRAPHICS").as_str() {
            "kitty" => return Self::Kitty,
            "iterm2" => return Self::Iterm2,
            "sixel" => return Self::Sixel,
            "none" => return Self::None,
            _ => {}
        }
        let is_set = |name: &str| !variable(name).is_empty();
        let (term, program) = (variable("TERM"), variable("TERM_PROGRAM"));
        let is_within =
            is_set("TMUX") || is_set("STY") || term.starts_with("screen") || term.starts_with("tmux");
        if !is_terminal || is_set("NO_COLOR") || is_within {
            return Self::None;
        }
        match program.as_str() {
            "iTerm.app" | "WezTerm" | "mintty" => Self::Iterm2,
            "ghostty" => Self::Kitty,
            _ if is_set("KITTY_WINDOW_ID") || term == "xterm-kitty" || term == "xterm-ghostty" => Self::Kitty,
            _ if ["foot", "mlterm", "contour", "yaft"].iter().any(|name| term.starts_with(name)) => {
                Self::Sixel
            }
            _ => Self::None,
        }
    }

    /// What shows a picture in so many columns; with sixel, pixel by pixel. `None` if the terminal shows none.
    ///
    /// # Errors
    /// If it has more pixels than PNG can encode.
    pub(crate) fn draw(self, picture: &Picture, columns: usize) -> Result<Option<String>, PictureError> {
        let png = || picture.to_png(Path::new("the terminal"));
        Ok(match self {
            Self::None => None,
            Self::Kitty => Some(kitty(&png()?, columns)),
            Self::Iterm2 => Some(iterm2(&png()?, columns)),
            Self::Sixel => Some(sixel(picture)),
        })
    }
}

fn kitty(png: &[u8], columns: usize) -> String {
    let text = base64(png);
    let mut commands = String::new();
    let mut chunks = text.as_bytes().chunks(CHUNK).peekable();
    let mut control = format!("a=T,f=100,c={columns},");
    while let Some(chunk) = chunks.next() {
        let more = u8::from(chunks.peek().is_some());
        // Base64 is ASCII, and writing to a string cannot fail.
        let _ = write!(commands, "\x1b_G{control}m={more};{}\x1b\\", String::from_utf8_lossy(chunk));
        control.clear();
    }
    commands
}

fn iterm2(png: &[u8], columns: usize) -> String {
    let size = png.len();
    format!("\x1b]1337;File=inline=1;size={size};width={columns};preserveAspectRatio=1:{}\x07", base64(png))
}

/// The picture in a fixed palette, six rows at a time: for each colour that occurs in them which of their pixels have it.
fn sixel(picture: &Picture) -> String {
    let (width, height) = (picture.width(), picture.height());
    let palette = Palette { is_grey: picture.channels() == 1 };
    let mut text = format!("\x1bP0;1q\"1;1;{width};{height}");
    for (i, [r, g, b]) in palette.colours().into_iter().enumerate() {
        let _ = write!(text, "#{i};2;{r};{g};{b}"); // in percent
    }
    for top in (0..height).step_by(6) {
        let rows = top..height.min(top + 6);
        let mut bits = vec![Vec::new(); palette.colours().len()];
        for (row, y) in rows.enumerate() {
            for x in 0..width {
                let column: &mut Vec<u8> = &mut bits[palette.index(picture.rgb(x, y))];
                column.resize(width, 0);
                column[x] |= 1 << row;
            }
        }
        for (i, columns) in bits.iter().enumerate().filter(|(_, columns)| !columns.is_empty()) {
            let _ = write!(text, "#{i}");
            push_runs(&mut text, columns);
            text.push('$');
        }
        text.push('-');
    }
    text + "\x1b\\"
}

/// Columns of six pixels, equal neighbours as a number and one of them.
fn push_runs(text: &mut String, columns: &[u8]) {
    for run in columns.chunk_by(|one, other| one == other) {
        let letter = char::from(63 + run[0]);
        let _ = match run.len() {
            length if length > 3 => write!(text, "!{length}{letter}"),
            length => write!(text, "{}", letter.to_string().repeat(length)),
        };
    }
}

/// The colours of a picture in sixel.
struct Palette {
    is_grey: bool,
}

impl Palette {
    /// Each in percent.
    fn colours(&self) -> Vec<[usize; 3]> {
        if self.is_grey {
            return (0..GREYS).map(|level| [level * 100 / (GREYS - 1); 3]).collect();
        }
        let [reds, greens, blues] = LEVELS;
        let percent = |level: usize, levels: usize| level * 100 / (levels - 1);
        let of = |i: usize| {
            [
                percent(i / (greens * blues), reds),
                percent(i / blues % greens, greens),
                percent(i % blues, blues),
            ]
        };
        (0..reds * greens * blues).map(of).collect()
    }

    fn index(&self, colour: [u8; 3]) -> usize {
        let level = |value: u8, levels: usize| (usize::from(value) * (levels - 1) + 127) / 255;
        if self.is_grey {
            return level(colour[0], GREYS);
        }
        let [r, g, b] = [0, 1, 2].map(|channel| level(colour[channel], LEVELS[channel]));
        (r * LEVELS[1] + g) * LEVELS[2] + b
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn detected(is_terminal: bool, variables: &[(&str, &str)]) -> Graphics {
        let variable = |name: &str| {
            let found = variables.iter().find(|(variable, _)| *variable == name);
            found.map_or(String::new(), |(_, value)| (*value).to_owned())
        };
        Graphics::from_environment(is_terminal, &variable)
    }

    #[test]
    fn terminals_that_show_pixels_are_known_by_their_environment() {
        let kitty = [("TERM", "xterm-kitty"), ("KITTY_WINDOW_ID", "1")];
        assert_eq!(detected(true, &kitty), Graphics::Kitty);
        assert_eq!(detected(true, &[("TERM_PROGRAM", "WezTerm")]), Graphics::Iterm2);
        assert_eq!(detected(true, &[("TERM", "foot-extra")]), Graphics::Sixel);
        assert_eq!(detected(true, &[("TERM", "xterm-256color")]), Graphics::None);
        for hidden in [("TMUX", "/tmp/x"), ("STY", "1"), ("NO_COLOR", "1"), ("PLANGRAD_GRAPHICS", "none")] {
            assert_eq!(detected(true, &[kitty[0], kitty[1], hidden]), Graphics::None, "{hidden:?}");
        }
        assert_eq!(detected(false, &kitty), Graphics::None);
        assert_eq!(detected(false, &[("PLANGRAD_GRAPHICS", "sixel")]), Graphics::Sixel);
    }

    fn picture() -> Picture {
        Picture::from_planes(&[1, 7, 5], &[0; 34].into_iter().chain([255]).collect::<Vec<u8>>()).unwrap()
    }

    #[test]
    fn kitty_gets_the_file_in_chunks_of_which_the_last_says_so() {
        let large = vec![7; 4000];
        let text = kitty(&large, 9);
        let commands: Vec<&str> = text.split_inclusive("\x1b\\").collect();
        assert_eq!(commands.len(), 2);
        assert!(commands[0].starts_with("\x1b_Ga=T,f=100,c=9,m=1;") && commands[1].starts_with("\x1b_Gm=0;"));
        let payload =
            |command: &str| command[command.find(';').unwrap() + 1..].trim_end_matches("\x1b\\").to_owned();
        assert_eq!(commands.iter().map(|command| payload(command)).collect::<String>(), base64(&large));
        assert_eq!(payload(commands[0]).len(), CHUNK);
    }

    #[test]
    fn iterm2_gets_the_file_with_its_size() {
        let png = picture().to_png(Path::new("")).unwrap();
        let text = Graphics::Iterm2.draw(&picture(), 12).unwrap().unwrap();
        assert!(text.starts_with(&format!("\x1b]1337;File=inline=1;size={};width=12;", png.len())), "{text}");
        assert!(text.ends_with(&format!(":{}\x07", base64(&png))));
        assert_eq!(Graphics::None.draw(&picture(), 12).unwrap(), None);
    }

    #[test]
    fn sixel_has_six_rows_in_a_band_and_repeats_what_is_equal() {
        let text = Graphics::Sixel.draw(&picture(), 12).unwrap().unwrap();
        assert!(text.starts_with("\x1bP0;1q\"1;1;5;7#0;2;0;0;0#1;2;1;1;1"), "{text}");
        // Six black rows; then four black pixels, and a white one beside them.
        assert!(text.ends_with("#0!5~$-#0!4@?$#63!4?@$-\x1b\\"), "{text}");
        let red = Picture::from_planes(&[3, 1, 1], &[255, 0, 0]).unwrap();
        assert!(sixel(&red).ends_with("#210@$-\x1b\\") && sixel(&red).contains("#210;2;100;0;0#"));
    }
}
