//! Arrays in and out, in logical order.

use ndarray::{Array, Array2, array};
use plangrad_formats::cifar::{IMAGE_BYTES, Records, Variant};
use plangrad_formats::idx::{Idx, IdxBuf};
use plangrad_formats::{Error, idx};

#[test]
fn an_array_survives_a_file() {
    let original = array![[1.5_f64, -2.0], [f64::MAX, 0.0], [3.25, 4.0]];
    let mut file = Vec::new();
    idx::write(&mut file, &IdxBuf::from_array(&original).unwrap().as_idx()).unwrap();
    let idx = Idx::from_bytes(&file).unwrap();
    assert_eq!(idx.to_array::<f64>().unwrap(), original.into_dyn());
}

#[test]
fn views_of_any_layout_are_written_in_logical_order() {
    let rows = array![[1_i16, 2, 3], [4, 5, 6]];
    let columns = IdxBuf::from_array(&rows.t()).unwrap();
    assert_eq!(columns.dims(), [3, 2]);
    assert_eq!(columns.to_vec::<i16>().unwrap(), [1, 4, 2, 5, 3, 6]);
    let reversed = IdxBuf::from_array(&rows.slice(ndarray::s![..;-1, ..])).unwrap();
    assert_eq!(reversed.to_vec::<i16>().unwrap(), [4, 5, 6, 1, 2, 3]);
}

#[test]
fn bytes_become_an_array_without_a_copy() {
    let file = [0, 0, 8, 2, 0, 0, 0, 1, 0, 0, 0, 2, 7, 9];
    let borrowed = Idx::from_bytes(&file).unwrap().as_array().unwrap();
    assert_eq!(borrowed.as_ptr(), file[12..].as_ptr());

    let owned = Idx::from_bytes(&file).unwrap().to_owned();
    let pointer = owned.data().as_ptr();
    let array = owned.into_array().unwrap();
    assert_eq!((array.as_ptr(), array.shape()), (pointer, &[1, 2][..]));
}

#[test]
fn scalars_and_empty_arrays_have_their_shapes() {
    let scalar = IdxBuf::from_array(&ndarray::arr0(5_u8)).unwrap();
    assert_eq!(scalar.to_array::<u8>().unwrap().ndim(), 0);
    let empty = IdxBuf::from_array(&Array2::<f32>::zeros((0, 3))).unwrap();
    assert_eq!(empty.to_array::<f32>().unwrap().shape(), [0, 3]);
}

#[test]
fn shapes_accepted_by_idx_are_accepted_by_ndarray() {
    // No element, and the sizes that are not 0 just fit: 2⁶² elements.
    let file = [&[0, 0, 8, 3][..], &[0, 0, 0, 0], &[0x80, 0, 0, 0].repeat(2)].concat();
    let array = Idx::from_bytes(&file).unwrap().as_array().unwrap();
    assert_eq!(array.shape(), [0, 1 << 31, 1 << 31]);
}

#[test]
fn the_element_type_must_be_the_arrays() {
    let idx = IdxBuf::from_array(&array![1_i32]).unwrap();
    assert!(matches!(idx.to_array::<f32>(), Err(Error::WrongElementType { .. })));
    assert!(idx.as_idx().as_array().is_err());
}

#[test]
fn images_are_indexed_by_record_channel_row_column() {
    let mut images = vec![0; 2 * IMAGE_BYTES];
    images[IMAGE_BYTES + 2 * 1_024 + 5 * 32 + 7] = 200;
    let mut records =
        Records { variant: Variant::Cifar10, labels: vec![0, 1], coarse_labels: vec![], images };
    let array = records.image_array().unwrap();
    assert_eq!(array.dim(), (2, 3, 32, 32));
    assert_eq!(array[[1, 2, 5, 7]], 200);
    records.labels.pop();
    assert!(matches!(records.image_array(), Err(Error::ShapeMismatch { expected: 3_072, found: 6_144, .. })));
}

#[test]
fn an_array_of_256_dimensions_is_refused() {
    let array = Array::<u8, _>::zeros(vec![1; 256]);
    assert!(matches!(IdxBuf::from_array(&array), Err(Error::RankTooLarge { found: 256 })));
}
