//! Rows of a table as JSON: `{"rows": [[5.1, "red", true, null], …]}`, in the order of the model's columns.
//!
//! Each row becomes a sample as it is read, so that JSON takes no more memory than the numbers in it, and none that exceeds
//! the number of rows is kept.

use std::fmt;

use plangrad_data::TableSchema;
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};

use crate::http::{Refusal, Status};
use crate::numbers::grouped;

/// The samples of the rows in `json`, one after another, and how many rows there are.
///
/// # Errors
/// If it is no such JSON, a row is none of the table's, or there are more than `most`.
pub(super) fn samples(json: &[u8], table: &TableSchema, most: usize) -> Result<(Vec<f32>, usize), Refusal> {
    let mut rows = Rows { table, most, samples: Vec::new(), count: 0, cells: Vec::new() };
    let mut json = serde_json::Deserializer::from_slice(json);
    let read = json.deserialize_map(Object(&mut rows)).and_then(|()| json.end());
    if rows.count > most {
        return Err(too_many(most));
    }
    read.map_err(|error| Refusal::bad(format!("the rows: {error}")))?;
    match rows.count {
        0 => Err(Refusal::bad("the rows: expected at least one row")),
        count => Ok((rows.samples, count)),
    }
}

/// The refusal of more rows than a request may have.
pub(super) fn too_many(most: usize) -> Refusal {
    let sentence =
        format!("expected at most {} rows in a request; send the others in another one", grouped(most));
    Refusal::new(Status::ContentTooLarge, sentence)
}

/// The rows so far.
struct Rows<'a> {
    table: &'a TableSchema,
    most: usize,
    samples: Vec<f32>,
    count: usize,
    /// Cells of the row that is read.
    cells: Vec<String>,
}

/// The whole: an object with nothing but `rows`.
struct Object<'a, 'b>(&'b mut Rows<'a>);

impl<'de> Visitor<'de> for Object<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object {\"rows\": [[value, …], …]}")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut has_rows = false;
        while let Some(key) = map.next_key::<String>()? {
            if key != "rows" || has_rows {
                return Err(A::Error::custom("expected the one key `rows`"));
            }
            has_rows = true;
            map.next_value_seed(List(&mut *self.0))?;
        }
        if has_rows { Ok(()) } else { Err(A::Error::custom("expected the key `rows`")) }
    }
}

/// The list of rows.
struct List<'a, 'b>(&'b mut Rows<'a>);

impl<'de> DeserializeSeed<'de> for List<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for List<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of rows")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while list.next_element_seed(Line(&mut *self.0))?.is_some() {}
        Ok(())
    }
}

/// One row.
struct Line<'a, 'b>(&'b mut Rows<'a>);

impl<'de> DeserializeSeed<'de> for Line<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Line<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a row, which is a list of values")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let Rows { table, most, samples, count, cells } = self.0;
        *count += 1;
        if *count > *most {
            return Err(A::Error::custom("too many rows"));
        }
        cells.clear();
        while let Some(cell) = list.next_element_seed(CellText)? {
            cells.push(cell);
            if cells.len() > table.features.len() {
                break; // which the table refuses
            }
        }
        samples.extend(table.sample(cells).map_err(A::Error::custom)?);
        Ok(())
    }
}

/// A cell, as its text in a file would be.
struct CellText;

impl<'de> DeserializeSeed<'de> for CellText {
    type Value = String;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<String, D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for CellText {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number, a text, true, false or null")
    }

    fn visit_f64<E>(self, number: f64) -> Result<String, E> {
        Ok(number.to_string())
    }

    fn visit_u64<E>(self, number: u64) -> Result<String, E> {
        Ok(number.to_string())
    }

    fn visit_i64<E>(self, number: i64) -> Result<String, E> {
        Ok(number.to_string())
    }

    fn visit_bool<E>(self, value: bool) -> Result<String, E> {
        Ok(value.to_string())
    }

    fn visit_str<E>(self, text: &str) -> Result<String, E> {
        Ok(text.to_owned())
    }

    fn visit_unit<E>(self) -> Result<String, E> {
        Ok(String::new())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> TableSchema {
        let json = r#"{"features":["a","b"],"label":"y","classes":[],"mean":[0,0],"std":[1,2]}"#;
        serde_json::from_str(json).unwrap()
    }

    fn refused(json: &str) -> String {
        samples(json.as_bytes(), &table(), 2).unwrap_err().sentence
    }

    #[test]
    fn rows_become_standardised_samples() {
        let json = br#" {"rows": [[1, -4.5], ["3", 1e-3]]} "#;
        assert_eq!(samples(json, &table(), 2).unwrap(), (vec![1.0, -2.25, 3.0, 0.0005], 2));
    }

    #[test]
    fn what_is_not_rows_of_the_table_is_refused_with_its_place() {
        assert!(refused("{").contains("EOF"));
        assert!(refused("[]").contains("expected an object {\"rows\""));
        assert!(refused("{}").contains("expected the key `rows`"));
        assert!(refused(r#"{"rows": [], "x": 1}"#).contains("the one key `rows`"));
        assert!(refused(r#"{"rows": []}"#).contains("at least one row"));
        assert!(refused(r#"{"rows": [[1]]}"#).contains("line 1"), "{}", refused(r#"{"rows": [[1]]}"#));
        assert!(refused(r#"{"rows": [[1, [2]]]}"#).contains("expected a number, a text"));
        assert!(refused(r#"{"rows": [[1, null]]}"#).contains("expected a number"));
        assert!(refused(r#"{"rows": [[1, 1e999]]}"#).contains("out of range"));
        assert!(refused(r#"{"rows": [[1, 2]]} x"#).contains("trailing"));
        assert!(refused(&"[".repeat(100_000)).contains("expected an object"));
        let many = samples(br#"{"rows": [[1, 2], [1, 2], [1, 2]]}"#, &table(), 2).unwrap_err();
        assert_eq!((many.status, many.sentence.contains("at most 2 rows")), (Status::ContentTooLarge, true));
    }
}
