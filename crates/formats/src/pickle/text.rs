//! Text of protocol 0: quoted strings with Python's escapes, and text with `\uXXXX`.

/// The bytes of `'…'` or `"…"` as Python 2 wrote them; `None` if the quotes do not match or an escape is not finished.
pub(super) fn quoted(line: &[u8]) -> Option<Vec<u8>> {
    let line = line.trim_ascii();
    let quote = *line.first()?;
    if !matches!(quote, b'\'' | b'"') || line.len() < 2 || line.last() != Some(&quote) {
        return None;
    }
    let mut bytes = Vec::new();
    let mut rest = line[1..line.len() - 1].iter().copied();
    while let Some(byte) = rest.next() {
        if byte != b'\\' {
            bytes.push(byte);
            continue;
        }
        match rest.next()? {
            b'n' => bytes.push(b'\n'),
            b'r' => bytes.push(b'\r'),
            b't' => bytes.push(b'\t'),
            b'a' => bytes.push(7),
            b'b' => bytes.push(8),
            b'f' => bytes.push(12),
            b'v' => bytes.push(11),
            b'x' => bytes.push(number([rest.next()?, rest.next()?].into_iter(), 16)? as u8),
            octal @ b'0'..=b'7' => {
                let more = rest.clone().take(2).take_while(|digit| matches!(digit, b'0'..=b'7')).count();
                let digits = [Some(octal)].into_iter().flatten().chain(rest.by_ref().take(more));
                bytes.push(number(digits, 8)? as u8);
            }
            plain @ (b'\\' | b'\'' | b'"') => bytes.push(plain),
            other => bytes.extend([b'\\', other]),
        }
    }
    Some(bytes)
}

/// Text in Python's `raw-unicode-escape`: Latin-1, and `\uXXXX` or `\UXXXXXXXX`.
pub(super) fn raw_unicode(line: &[u8]) -> Option<String> {
    let mut text = String::new();
    let mut rest = line.iter().copied();
    while let Some(byte) = rest.next() {
        let digits = match (byte, rest.clone().next()) {
            (b'\\', Some(b'u')) => 4,
            (b'\\', Some(b'U')) => 8,
            _ => {
                text.push(char::from(byte));
                continue;
            }
        };
        rest.next();
        let code: Vec<u8> = rest.by_ref().take(digits).collect();
        if code.len() < digits {
            return None;
        }
        text.push(char::from_u32(number(code.into_iter(), 16)?)?);
    }
    Some(text)
}

fn number(digits: impl Iterator<Item = u8>, base: u32) -> Option<u32> {
    digits
        .into_iter()
        .try_fold(0_u32, |sum, digit| sum.checked_mul(base)?.checked_add(char::from(digit).to_digit(base)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_of_python_2_are_undone() {
        assert_eq!(quoted(br"'a\x00\n\\\'\101\0b\q'").unwrap(), b"a\x00\n\\'A\x00b\\q");
        assert_eq!(quoted(b"\"it's\"").unwrap(), b"it's");
        for wrong in [&b"'a"[..], b"", b"'", b"a'", br"'\x1'", br"'\'"] {
            assert_eq!(quoted(wrong), None, "{}", String::from_utf8_lossy(wrong));
        }
    }

    #[test]
    fn unicode_escapes_are_characters_and_other_bytes_latin_1() {
        assert_eq!(raw_unicode(b"caf\xe9 \\u4e2d\\U0001f600").unwrap(), "café 中😀");
        assert_eq!(raw_unicode(b"\\ud800"), None);
        assert_eq!(raw_unicode(b"\\u12"), None);
    }
}
