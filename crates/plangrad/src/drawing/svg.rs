//! A drawing as SVG 1.1 (<https://www.w3.org/TR/SVG11/>): one file that refers to no other.

use std::fmt::Write;

use super::shapes::{Anchor, Drawing, Primitive, Rgb};

/// Size of letters that are about eight points wide in monospaced fonts.
const FONT_SIZE: f64 = 13.0;

impl Drawing {
    /// The text of an SVG file.
    pub(crate) fn to_svg(&self) -> String {
        let (width, height) = (number(self.width), number(self.height));
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} \
             {height}\" role=\"img\" \
             xml:space=\"preserve\" font-family=\"DejaVu Sans Mono, Menlo, Consolas, monospace\" \
             font-size=\"{FONT_SIZE}\">\n<title>{}</title>\n<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n",
            escaped(&self.title)
        );
        for shape in &self.shapes {
            svg.push_str(&element(shape));
        }
        svg + "</svg>\n"
    }
}

fn element(shape: &Primitive) -> String {
    let mut element = String::new();
    // Writing to a string cannot fail.
    let _ = match shape {
        Primitive::Box { x, y, width, height, colour } => writeln!(
            element,
            "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" fill=\"{}\"/>",
            number(*x),
            number(*y),
            number(*width),
            number(*height),
            hexadecimal(*colour)
        ),
        Primitive::Line { from, to, width, colour } if from == to => writeln!(
            element,
            "<circle cx=\"{}\" cy=\"{}\" r=\"{}\" fill=\"{}\"/>",
            number(from[0]),
            number(from[1]),
            number(width / 2.0),
            hexadecimal(*colour)
        ),
        Primitive::Line { from, to, width, colour } => writeln!(
            element,
            "<line x1=\"{}\" y1=\"{}\" x2=\"{}\" y2=\"{}\" stroke=\"{}\" stroke-width=\"{}\" \
             stroke-linecap=\"round\"/>",
            number(from[0]),
            number(from[1]),
            number(to[0]),
            number(to[1]),
            hexadecimal(*colour),
            number(*width)
        ),
        Primitive::Text { x, y, anchor, colour, text } => writeln!(
            element,
            "<text x=\"{}\" y=\"{}\" text-anchor=\"{}\" fill=\"{}\">{}</text>",
            number(*x),
            number(*y),
            match anchor {
                Anchor::Start => "start",
                Anchor::Middle => "middle",
                Anchor::End => "end",
            },
            hexadecimal(*colour),
            escaped(text)
        ),
    };
    element
}

/// At most two decimals, and no idle zeros.
fn number(number: f64) -> String {
    let text = format!("{number:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn hexadecimal([red, green, blue]: Rgb) -> String {
    format!("#{red:02x}{green:02x}{blue:02x}")
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_become_elements_and_special_letters_are_escaped() {
        let mut drawing =
            Drawing { title: "a < b & c".to_owned(), width: 100.0, height: 50.5, shapes: Vec::new() };
        drawing.rectangle([1.0, 2.25], [3.0, 4.0], [255, 0, 16]);
        drawing.text([5.0, 6.0], Anchor::End, [0, 0, 0], "64×784 <f32>");
        drawing.line([1.0, 2.0], [3.5, 4.0], 1.5, [0, 0, 255]);
        drawing.dot([5.0, 6.0], 7.0, [0, 0, 255]);
        let svg = drawing.to_svg();
        assert!(
            svg.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"100\" height=\"50.5\""),
            "{svg}"
        );
        for part in [
            "<title>a &lt; b &amp; c</title>",
            "<rect x=\"1\" y=\"2.25\" width=\"3\" height=\"4\" fill=\"#ff0010\"/>",
            "<text x=\"5\" y=\"6\" text-anchor=\"end\" fill=\"#000000\">64×784 &lt;f32&gt;</text>",
            "<line x1=\"1\" y1=\"2\" x2=\"3.5\" y2=\"4\" stroke=\"#0000ff\" stroke-width=\"1.5\" stroke-linecap=\"round\"/>",
            "<circle cx=\"5\" cy=\"6\" r=\"3.5\" fill=\"#0000ff\"/>",
        ] {
            assert!(svg.contains(part), "{part} in {svg}");
        }
        assert!(svg.ends_with("</svg>\n"));
    }
}
