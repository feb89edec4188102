//! Folders of images: found, split, decoded, kept in a cache; what is wrong is counted and named.

use std::fs;
use std::path::Path;
use std::sync::Mutex;

use image::{DynamicImage, GrayImage, ImageFormat, Luma, Rgb, RgbImage, Rgba, RgbaImage};
use plangrad_data::{
    Dataset, DatasetName, Error, Fit, ImageOptions, LoadOptions, Samples, Targets, load, load_observed,
};
use tempfile::TempDir;

fn grey(path: &Path, width: u32, height: u32, value: u8) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    GrayImage::from_pixel(width, height, Luma([value])).save(path).unwrap();
}

fn colours(path: &Path, width: u32, height: u32, format: ImageFormat) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let image = RgbImage::from_pixel(width, height, Rgb([200, 100, 50]));
    DynamicImage::from(image).save_with_format(path, format).unwrap();
}

fn options(images: ImageOptions) -> LoadOptions {
    LoadOptions { images, ..LoadOptions::default() }
}

fn sized(height: usize, width: usize, channels: usize) -> ImageOptions {
    ImageOptions { size: Some([height, width]), channels: Some(channels), ..ImageOptions::default() }
}

fn read(folder: &Path, images: ImageOptions) -> Result<Dataset, Error> {
    load(&DatasetName::Folder(folder.to_path_buf()), &options(images))
}

fn pixels(samples: &Samples) -> &[u8] {
    match samples {
        Samples::U8(pixels) => pixels,
        Samples::F32(_) => panic!("images are bytes"),
    }
}

/// Two classes, each with 30 images.
fn unsplit() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for number in 0..30_u8 {
        grey(&folder.path().join(format!("cat/{number:02}.png")), 4, 4, number);
        grey(&folder.path().join(format!("dog/{number:02}.png")), 4, 4, 100 + number);
    }
    folder
}

#[test]
fn train_and_test_folders_are_the_parts_and_classes_are_sorted() {
    let folder = tempfile::tempdir().unwrap();
    for (file, value) in [("train/dog/a.png", 9), ("train/cat/b.png", 7), ("test/cat/deeper/c.png", 5)] {
        grey(&folder.path().join(file), 2, 3, value);
    }
    let dataset = read(folder.path(), ImageOptions::default()).unwrap();
    assert_eq!((dataset.classes.join(" "), dataset.sample_shape), ("cat dog".to_owned(), vec![1, 3, 2]));
    assert_eq!(dataset.train.targets, Targets::Classes(vec![0, 1]));
    assert_eq!(pixels(&dataset.train.samples), [[7; 6], [9; 6]].concat());
    assert_eq!(pixels(&dataset.test.samples), [5; 6]);
    assert_eq!(dataset.notes, Vec::<String>::new());
}

#[test]
fn every_format_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let formats = [
        ("png", ImageFormat::Png),
        ("jpg", ImageFormat::Jpeg),
        ("webp", ImageFormat::WebP),
        ("bmp", ImageFormat::Bmp),
        ("gif", ImageFormat::Gif),
    ];
    for (ending, format) in formats {
        colours(&folder.path().join(format!("train/{ending}/x.{ending}")), 8, 8, format);
        colours(&folder.path().join(format!("test/{ending}/x.{ending}")), 8, 8, format);
    }
    let dataset = read(folder.path(), ImageOptions::default()).unwrap();
    assert_eq!((dataset.train.len(), dataset.sample_shape.as_slice()), (5, &[3, 8, 8][..]));
    for image in pixels(&dataset.train.samples).chunks(192) {
        let near = |value: u8, expected: u8| value.abs_diff(expected) <= 6;
        assert!(near(image[0], 200) && near(image[64], 100) && near(image[128], 50), "{:?}", &image[..3]);
    }
}

#[test]
fn without_a_test_folder_names_decide_and_new_images_move_no_other() {
    let folder = unsplit();
    let before = read(folder.path(), ImageOptions::default()).unwrap();
    assert!((3..=22).contains(&before.test.len()), "{}", before.test.len());
    assert!(before.notes[0].starts_with("there is no test folder: "), "{:?}", before.notes);
    let held: Vec<u8> = pixels(&before.test.samples).chunks(16).map(|image| image[0]).collect();
    (30..60_u8).for_each(|n| grey(&folder.path().join(format!("cat/{n}.png")), 4, 4, n));
    let after = read(folder.path(), ImageOptions::default()).unwrap();
    let tests: Vec<u8> = pixels(&after.test.samples).chunks(16).map(|image| image[0]).collect();
    assert!(held.iter().all(|value| tests.contains(value)));
    let learnt: Vec<u8> = pixels(&after.train.samples).chunks(16).map(|image| image[0]).collect();
    assert!(held.iter().all(|value| !learnt.contains(value)), "none moved to the training part");
}

#[test]
fn sizes_must_agree_or_be_given_and_proportions_are_kept() {
    let folder = unsplit();
    grey(&folder.path().join("cat/wide.png"), 8, 4, 200);
    let error = read(folder.path(), ImageOptions::default()).unwrap_err().to_string();
    assert!(error.contains("from 4 × 4 to 8 × 4 pixels; say to which"), "{error}");
    let wide = |fit| {
        let dataset = read(folder.path(), ImageOptions { fit, ..sized(4, 4, 1) }).unwrap();
        let all = [pixels(&dataset.train.samples), pixels(&dataset.test.samples)].concat();
        all.chunks(16).find(|image| image.contains(&200)).unwrap().to_vec()
    };
    assert_eq!(wide(Fit::Pad), [[0; 4], [200; 4], [200; 4], [0; 4]].concat());
    assert_eq!((wide(Fit::Crop), wide(Fit::Stretch)), (vec![200; 16], vec![200; 16]));
}

#[test]
fn what_is_skipped_and_converted_is_counted_and_named() {
    let folder = unsplit();
    let cat = folder.path().join("cat");
    fs::write(cat.join("Thumbs.db"), "x").unwrap();
    fs::write(cat.join("broken.png"), "no image").unwrap();
    RgbaImage::from_pixel(4, 4, Rgba([0, 0, 0, 0])).save(cat.join("clear.png")).unwrap();
    let dataset = read(folder.path(), sized(4, 4, 1)).unwrap();
    let notes = dataset.notes.join("\n");
    for expected in [
        "skipped 1 file not named as images are: cat/Thumbs.db",
        "skipped 1 image that cannot be read: ",
        "broken.png: not a PNG, JPEG, WebP, BMP or GIF image by its first bytes",
        "1 image, the first cat/clear.png: transparent, flattened onto white",
    ] {
        assert!(notes.contains(expected), "{expected} is not in {notes}");
    }
    assert_eq!(dataset.train.len() + dataset.test.len(), 61);
}

#[test]
fn a_cache_gives_the_same_dataset_and_is_made_anew_when_anything_changes() {
    let folder = unsplit();
    let place = tempfile::tempdir().unwrap();
    let cache = place.path().join("images.cache");
    let with_cache = || {
        let decoded = Mutex::new(0);
        let images = ImageOptions { cache: Some(cache.clone()), ..sized(4, 4, 1) };
        let name = DatasetName::Folder(folder.path().to_path_buf());
        let dataset =
            load_observed(&name, &options(images), None, &|_| *decoded.lock().unwrap() += 1).unwrap();
        (dataset, decoded.into_inner().unwrap())
    };
    let (first, decoded) = with_cache();
    assert_eq!(decoded, 60);
    assert_eq!(with_cache(), (first.clone(), 0));
    let mut damaged = fs::read(&cache).unwrap();
    let last = damaged.len() - 1;
    damaged[last] ^= 1;
    fs::write(&cache, damaged).unwrap();
    let (again, decoded) = with_cache();
    assert!(again.notes.iter().any(|note| note.contains("the cache is damaged (its checksum is wrong)")));
    assert_eq!((again.train, decoded), (first.train, 60));
    grey(&folder.path().join("dog/new.png"), 4, 4, 1);
    assert_eq!(with_cache().1, 61);
}

#[test]
fn no_more_of_a_cache_is_read_than_the_images_can_hold() {
    let folder = unsplit();
    let place = tempfile::tempdir().unwrap();
    let cache = place.path().join("images.cache");
    let read = || {
        let images = ImageOptions { cache: Some(cache.clone()), ..sized(4, 4, 1) };
        read(folder.path(), images).unwrap()
    };
    let first = read();
    let whole = fs::read(&cache).unwrap();
    let head = 8 + 32 + 32;
    // A tail that never ends, and a list that claims to: neither is reserved or read.
    fs::File::options().write(true).open(&cache).unwrap().set_len(1 << 40).unwrap();
    let tail = read();
    fs::write(&cache, [&whole[..head], &u64::MAX.to_le_bytes(), &whole[head + 8..]].concat()).unwrap();
    for again in [tail, read()] {
        let told = |note: &String| note.ends_with("the cache is damaged; the images are decoded again");
        assert!(again.notes.iter().any(told), "{:?}", again.notes);
        assert_eq!(again.train, first.train);
    }
    for length in 0..whole.len() {
        fs::write(&cache, &whole[..length]).unwrap();
        assert_eq!(read().train, first.train, "cut after {length} bytes");
    }
}

/// What loading within so many bytes needs, if it is refused.
fn needed(folder: &Path, images: ImageOptions, memory: u64) -> Option<(String, u64)> {
    let options = LoadOptions { memory: Some(memory), ..options(images) };
    match load(&DatasetName::Folder(folder.to_path_buf()), &options) {
        Ok(_) => None,
        Err(Error::MemoryLimit { dataset, bytes, .. }) => Some((dataset, bytes)),
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn a_folder_that_needs_more_memory_than_may_be_taken_is_refused_before_anything_is_decoded() {
    let folder = unsplit();
    fs::write(folder.path().join("cat/no.png"), "not an image").unwrap(); // would be skipped, with a note
    let (whole, bytes) = needed(folder.path(), sized(4, 4, 1), 0).unwrap();
    assert_eq!(whole, format!("folder:{}", folder.path().display()));
    assert!(bytes >= 61 * (16 + 1), "{bytes}");
    assert_eq!(needed(folder.path(), sized(4, 4, 1), bytes - 1), Some((whole, bytes)));
    // An image and its copy while it is decoded.
    assert_eq!(needed(folder.path(), sized(4, 4, 1), bytes + 2 * 16), None);
}

#[test]
fn an_image_that_cannot_be_decoded_in_the_memory_there_is_ends_loading_and_is_not_skipped() {
    let folder = unsplit();
    let large = folder.path().join("cat/large.png");
    grey(&large, 4000, 3000, 7); // 12 million pixels in a file of some kilobytes
    let (name, bytes) = needed(folder.path(), sized(4, 4, 1), 1 << 20).unwrap();
    assert_eq!((name, bytes), (large.display().to_string(), 2 * 12_000_000));
    let files = needed(folder.path(), sized(4, 4, 1), 0).unwrap().1;
    assert_eq!(needed(folder.path(), sized(4, 4, 1), files + bytes), None, "it alone fills the memory");
    assert!(needed(folder.path(), sized(4, 4, 1), files + bytes - 1).is_some());
}

#[cfg(unix)]
#[test]
fn each_folder_is_read_once_however_many_links_lead_to_it() {
    let folder = unsplit();
    for link in ["one", "two", "three", "four"] {
        // Together these make four to the power of any depth paths.
        std::os::unix::fs::symlink(".", folder.path().join("cat").join(link)).unwrap();
    }
    let elsewhere = tempfile::tempdir().unwrap();
    grey(&elsewhere.path().join("new.png"), 4, 4, 1);
    std::os::unix::fs::symlink(elsewhere.path(), folder.path().join("dog/linked")).unwrap();
    let dataset = read(folder.path(), ImageOptions::default()).unwrap();
    assert_eq!(dataset.train.len() + dataset.test.len(), 61);
    let note = "skipped 4 folders that links lead to a second time: cat/four, cat/one, cat/three and 1 more";
    assert!(dataset.notes.iter().any(|found| found == note), "{:?}", dataset.notes);
}

#[test]
fn folders_without_images_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let message = || read(folder.path(), ImageOptions::default()).unwrap_err().to_string();
    assert!(
        message().contains("expected a folder for each class, with its images, found nothing of the kind"),
        "{}",
        message()
    );
    fs::create_dir(folder.path().join("cat")).unwrap();
    assert!(
        message()
            .contains("expected images (PNG, JPEG, WebP, BMP or GIF) in a folder for each class, found cat")
    );
    fs::write(folder.path().join("cat/a.png"), "x").unwrap();
    assert!(message().contains("none of 1 images could be read; the first: "), "{}", message());
}

#[test]
fn folders_without_images_are_no_classes_and_images_beside_the_classes_are_named() {
    let folder = unsplit();
    fs::create_dir_all(folder.path().join("__MACOSX/cat")).unwrap();
    fs::write(folder.path().join("__MACOSX/cat/._1.png"), "x").unwrap();
    grey(&folder.path().join("stray.png"), 4, 4, 1);
    let dataset = read(folder.path(), ImageOptions::default()).unwrap();
    assert_eq!(dataset.classes, ["cat", "dog"]);
    let notes = dataset.notes.join("\n");
    assert!(notes.contains("left out 1 folder without an image: __MACOSX"), "{notes}");
    assert!(notes.contains("skipped 1 image beside the folders of the classes: stray.png"), "{notes}");
    let labels = |targets: &Targets| match targets {
        Targets::Classes(labels) => labels.clone(),
        Targets::Values(_) => Vec::new(),
    };
    let all = [labels(&dataset.train.targets), labels(&dataset.test.targets)].concat();
    assert!(all.contains(&0) && all.contains(&1) && all.iter().all(|&label| label < 2), "{all:?}");
    let flat = tempfile::tempdir().unwrap();
    grey(&flat.path().join("cat_1.png"), 4, 4, 1);
    let error = read(flat.path(), ImageOptions::default()).unwrap_err().to_string();
    assert!(error.ends_with("expected a folder for each class, with its images, found cat_1.png"), "{error}");
}
