//! Protocol buffers, as far as writing them goes: for ONNX and for TensorBoard.
//!
//! A message is its fields one after another: the number of the field and how it is coded, then its value. Source:
//! <https://protobuf.dev/programming-guides/encoding/>.

/// A message, field by field.
#[derive(Clone, Debug, Default)]
pub(crate) struct Message {
    bytes: Vec<u8>,
}

/// How a value is coded.
const VARINT: u64 = 0;
const EIGHT_BYTES: u64 = 1;
const LENGTH_DELIMITED: u64 = 2;
const FOUR_BYTES: u64 = 5;

impl Message {
    pub(crate) fn new() -> Message {
        Message::default()
    }

    /// Its bytes.
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// A whole number.
    pub(crate) fn integer(mut self, field: u64, value: i64) -> Message {
        self.varint(field << 3 | VARINT);
        self.varint(value as u64); // negative numbers as their two's complement
        self
    }

    /// A number of 32 bits.
    pub(crate) fn single(mut self, field: u64, value: f32) -> Message {
        self.varint(field << 3 | FOUR_BYTES);
        self.bytes.extend_from_slice(&value.to_le_bytes());
        self
    }

    /// A number of 64 bits.
    pub(crate) fn double(mut self, field: u64, value: f64) -> Message {
        self.varint(field << 3 | EIGHT_BYTES);
        self.bytes.extend_from_slice(&value.to_le_bytes());
        self
    }

    /// Numbers of 64 bits, packed.
    pub(crate) fn doubles(self, field: u64, values: &[f64]) -> Message {
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.bytes(field, &bytes)
    }

    /// Bytes.
    pub(crate) fn bytes(mut self, field: u64, bytes: &[u8]) -> Message {
        self.varint(field << 3 | LENGTH_DELIMITED);
        self.varint(bytes.len() as u64);
        self.bytes.extend_from_slice(bytes);
        self
    }

    /// Text.
    pub(crate) fn text(self, field: u64, text: &str) -> Message {
        self.bytes(field, text.as_bytes())
    }

    /// A message within.
    pub(crate) fn message(self, field: u64, message: &Message) -> Message {
        self.bytes(field, &message.bytes)
    }

    /// Messages within, one after another.
    pub(crate) fn messages<'a>(self, field: u64, messages: impl IntoIterator<Item = &'a Message>) -> Message {
        messages.into_iter().fold(self, |whole, message| whole.message(field, message))
    }

    /// Seven bits to a byte, the lowest first; the eighth says that there are more.
    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.bytes.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.bytes.push(value as u8);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_coded_as_in_the_specification() {
        assert_eq!(Message::new().integer(1, 150).into_bytes(), [0x08, 0x96, 0x01]);
        assert_eq!(Message::new().text(2, "testing").into_bytes(), b"\x12\x07testing");
        let inner = Message::new().integer(1, 150);
        assert_eq!(Message::new().message(3, &inner).into_bytes(), [0x1a, 0x03, 0x08, 0x96, 0x01]);
        let minus_two = Message::new().integer(1, -2).into_bytes();
        assert_eq!(minus_two, [&[0x08, 0xfe][..], &[0xff; 8], &[0x01]].concat());
        assert_eq!(Message::new().single(2, 1.0).into_bytes(), [0x15, 0, 0, 0x80, 0x3f]);
        assert_eq!(Message::new().double(1, -2.0).into_bytes(), [0x09, 0, 0, 0, 0, 0, 0, 0, 0xc0]);
        assert_eq!(Message::new().doubles(6, &[]).into_bytes(), [0x32, 0]);
        assert_eq!(Message::new().integer(16, 0).into_bytes(), [0x80, 0x01, 0x00]);
    }
}
