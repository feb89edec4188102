//! Bytes as letters.

/// Base64 as of RFC 4648, with padding.
pub(crate) fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let three = [chunk[0], *chunk.get(1).unwrap_or(&0), *chunk.get(2).unwrap_or(&0)];
        let bits = three.iter().fold(0, |bits, &byte| bits << 8 | usize::from(byte));
        for place in 0..4 {
            let is_there = place <= chunk.len();
            text.push(if is_there { char::from(LETTERS[bits >> (18 - 6 * place) & 63]) } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_that_of_rfc_4648() {
        let expected = ["", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"];
        let texts = (0..=6).map(|letters| base64(&b"foobar"[..letters])).collect::<Vec<_>>();
        assert_eq!(texts, expected);
        assert_eq!(base64(&[0xff, 0xfe, 0xfb]), "//77");
    }
}
