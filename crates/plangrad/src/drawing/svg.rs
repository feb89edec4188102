//! A drawing as SVG 1.1 (<https://www.w3.org/TR/SVG11/>): one file that refers to no other.

use std::fmt::Write;
use std::path::Path;

use super::palette::Rgb;
use super::shapes::{Anchor, Drawing, Primitive, Style, TEXT};
use crate::picture::{Picture, PictureError};

/// The font that places are computed with, and those of the same widths that other systems have.
const FONTS: &str = "DejaVu Sans, Verdana, Bitstream Vera Sans, Geneva, sans-serif";

impl Drawing {
    /// The text of an SVG file.
    ///
    /// # Errors
    /// If a picture in it has more pixels than PNG can encode.
    pub(crate) fn to_svg(&self) -> Result<String, PictureError> {
        let (width, height) = (number(self.width), number(self.height));
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" xmlns:xlink=\"http://www.w3.org/1999/xlink\" width=\"{width}\" \
             height=\"{height}\" viewBox=\"0 0 {width} {height}\" role=\"img\" font-family=\"{FONTS}\" \
             font-size=\"{TEXT}\">\n<title>{}</title>\n<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n",
            escaped(&self.title)
        );
        self.shapes.iter().try_for_each(|shape| add(shape, &mut svg))?;
        Ok(svg + "</svg>\n")
    }
}

/// Adds an element to the text of a file. Writing to a string cannot fail.
fn add(shape: &Primitive, svg: &mut String) -> Result<(), PictureError> {
    match shape {
        Primitive::Box { x, y, width, height, colour } => {
            let _ = writeln!(
                svg,
                "<rect {} fill=\"{}\"/>",
                area([*x, *y], [*width, *height]),
                hexadecimal(*colour)
            );
        }
        Primitive::Line { from, to, width, colour } => add_line(*from, *to, *width, *colour, svg),
        Primitive::Text { x, y, style, text } => add_text([*x, *y], *style, text, svg),
        Primitive::Image { x, y, width, height, picture } => {
            let area = area([*x, *y], [*width, *height]);
            let address = address(picture)?;
            let _ = writeln!(
                svg,
                "<image {area} preserveAspectRatio=\"none\" style=\"image-rendering:pixelated\" \
                 xlink:href=\"{address}\"/>"
            );
        }
        Primitive::Group { title, shapes } => {
            let _ = writeln!(svg, "<g><title>{}</title>", escaped(title));
            shapes.iter().try_for_each(|shape| add(shape, svg))?;
            svg.push_str("</g>\n");
        }
    }
    Ok(())
}

fn add_line(from: [f64; 2], to: [f64; 2], width: f64, colour: Rgb, svg: &mut String) {
    let ([x1, y1], [x2, y2]) = (from.map(number), to.map(number));
    let (colour, radius, width) = (hexadecimal(colour), number(width / 2.0), number(width));
    let _ = if from == to {
        writeln!(svg, "<circle cx=\"{x1}\" cy=\"{y1}\" r=\"{radius}\" fill=\"{colour}\"/>")
    } else {
        writeln!(
            svg,
            "<line x1=\"{x1}\" y1=\"{y1}\" x2=\"{x2}\" y2=\"{y2}\" stroke=\"{colour}\" stroke-width=\"{width}\" \
             stroke-linecap=\"round\"/>"
        )
    };
}

fn add_text(place: [f64; 2], style: Style, text: &str, svg: &mut String) {
    let [x, y] = place.map(number);
    let anchor = match style.anchor {
        Anchor::Start => "start",
        Anchor::Middle => "middle",
        Anchor::End => "end",
    };
    let turned =
        if style.is_vertical { format!(" transform=\"rotate(-90 {x} {y})\"") } else { String::new() };
    let size =
        if style.size == TEXT { String::new() } else { format!(" font-size=\"{}\"", number(style.size)) };
    let (colour, text) = (hexadecimal(style.colour), escaped(text));
    let _ = writeln!(
        svg,
        "<text x=\"{x}\" y=\"{y}\" text-anchor=\"{anchor}\"{size} fill=\"{colour}\"{turned}>{text}</text>"
    );
}

fn area(place: [f64; 2], size: [f64; 2]) -> String {
    let ([x, y], [width, height]) = (place.map(number), size.map(number));
    format!("x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\"")
}

/// A picture as the address of an image.
fn address(picture: &Picture) -> Result<String, PictureError> {
    picture.to_address(Path::new("a picture of a drawing"))
}

/// At most two decimals, and no idle zeros.
fn number(number: f64) -> String {
    let text = format!("{number:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn hexadecimal([red, green, blue]: Rgb) -> String {
    format!("#{red:02x}{green:02x}{blue:02x}")
}

/// Text as XML has it. What XML cannot hold, even escaped, becomes U+FFFD.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\u{fffe}' | '\u{ffff}' => escaped.push('\u{fffd}'),
            letter if letter.is_control() => escaped.push('\u{fffd}'),
            letter => escaped.push(letter),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_become_elements_and_special_letters_are_escaped() {
        let mut drawing = Drawing::new("a < b & c", [100.0, 50.5]);
        drawing.rectangle([1.0, 2.25], [3.0, 4.0], [255, 0, 16]);
        let end = Style::of(TEXT, Anchor::End).coloured([0, 0, 0]);
        drawing.text([5.0, 6.0], end, "64×784 <f32>\u{1b}\"");
        drawing.text([7.0, 8.0], Style::of(9.5, Anchor::Start).coloured([0, 0, 0]).vertical(), "up");
        drawing.group("</title><script>", |drawing| {
            drawing.line([1.0, 2.0], [3.5, 4.0], 1.5, [0, 0, 255]);
            drawing.dot([5.0, 6.0], 7.0, [0, 0, 255]);
        });
        drawing.image([1.0, 1.0], [8.0, 8.0], Picture::from_planes(&[1, 1, 2], &[0, 255]).unwrap());
        let svg = drawing.to_svg().unwrap();
        assert!(svg.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\""), "{svg}");
        for part in [
            "width=\"100\" height=\"50.5\" viewBox=\"0 0 100 50.5\"",
            "<title>a &lt; b &amp; c</title>",
            "<rect x=\"1\" y=\"2.25\" width=\"3\" height=\"4\" fill=\"#ff0010\"/>",
            "<text x=\"5\" y=\"6\" text-anchor=\"end\" fill=\"#000000\">64×784 &lt;f32&gt;\u{fffd}&quot;</text>",
            "<text x=\"7\" y=\"8\" text-anchor=\"start\" font-size=\"9.5\" fill=\"#000000\" transform=\"rotate(-90 7 8)\">up<",
            "<g><title>&lt;/title&gt;&lt;script&gt;</title>\n<line x1=\"1\" y1=\"2\" x2=\"3.5\" y2=\"4\" stroke=\"#0000ff\" \
             stroke-width=\"1.5\" stroke-linecap=\"round\"/>\n<circle cx=\"5\" cy=\"6\" r=\"3.5\" fill=\"#0000ff\"/>\n</g>",
            "<image x=\"1\" y=\"1\" width=\"8\" height=\"8\" preserveAspectRatio=\"none\" style=\"image-rendering:pixelated\" \
             xlink:href=\"data:image/png;base64,iVBOR",
        ] {
            assert!(svg.contains(part), "{part} in {svg}");
        }
        assert!(svg.ends_with("</svg>\n"));
    }
}
