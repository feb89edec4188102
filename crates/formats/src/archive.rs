//! Files of a zip archive by name, stored or deflated, their sizes and checksums compared as they are read.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::{self, BufReader, Read, Seek, SeekFrom};

use flate2::bufread::DeflateDecoder;
use rawzip::{
    CompressionMethod, RECOMMENDED_BUFFER_SIZE, ReaderAt, ZipArchive, ZipArchiveEntryWayfinder, ZipLocator,
};

use crate::{Error, Result};

/// Read at a time: each read seeks.
const BUFFER: usize = 64 << 10;

/// An archive, and where each of its files lies.
#[derive(Debug)]
pub(crate) struct Archive<R> {
    zip: ZipArchive<Seekable<R>>,
    files: BTreeMap<String, Entry>,
}

#[derive(Debug)]
struct Entry {
    place: ZipArchiveEntryWayfinder,
    method: CompressionMethod,
    is_encrypted: bool,
}

/// A reader of any place.
#[derive(Debug)]
struct Seekable<R>(RefCell<R>);

impl<R: Read + Seek> ReaderAt for Seekable<R> {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut reader = self.0.borrow_mut();
        reader.seek(SeekFrom::Start(offset))?;
        reader.read(buffer)
    }
}

impl<R: Read + Seek> Archive<R> {
    /// Reads the list of files.
    ///
    /// # Errors
    ///
    /// [`Error::DamagedZip`].
    pub(crate) fn new(mut reader: R) -> Result<Self> {
        let mut buffer = vec![0; RECOMMENDED_BUFFER_SIZE];
        let end = reader.seek(SeekFrom::End(0)).map_err(|error| damaged(error.into()))?;
        let zip = ZipLocator::new().locate_in_reader(Seekable(RefCell::new(reader)), &mut buffer, end);
        let zip = zip.map_err(|(_, error)| damaged(error))?;
        let mut files = BTreeMap::new();
        let mut entries = zip.entries(&mut buffer);
        while let Some(entry) = entries.next_entry().map_err(damaged)? {
            if let Ok(name) = str::from_utf8(entry.file_path().as_ref()) {
                let (place, method) = (entry.wayfinder(), entry.compression_method());
                let is_encrypted = entry.flags().is_encrypted();
                files.insert(name.to_owned(), Entry { place, method, is_encrypted });
            }
        }
        Ok(Self { zip, files })
    }

    /// The names of the files, in alphabetical order.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.files.keys().map(String::as_str)
    }

    /// The bytes of a file, as the archive has it; `None` if it is not there.
    pub(crate) fn size(&self, name: &str) -> Option<u64> {
        self.files.get(name).map(|entry| entry.place.uncompressed_size_hint())
    }

    /// A reader of a file, which fails at its end if its size or checksum is not what the archive says.
    ///
    /// # Errors
    ///
    /// [`Error::DamagedZip`].
    pub(crate) fn open(&self, name: &str) -> Result<Box<dyn Read + '_>> {
        let refused = |reason: &str| Error::DamagedZip { reason: format!("{name} {reason}") };
        let file = self.files.get(name).ok_or_else(|| refused("is not in it"))?;
        if file.is_encrypted {
            return Err(refused("is encrypted"));
        }
        let entry = self.zip.get_entry(file.place).map_err(damaged)?;
        let stored = BufReader::with_capacity(BUFFER, entry.reader());
        match file.method {
            CompressionMethod::STORE => Ok(Box::new(entry.verifying_reader(stored))),
            CompressionMethod::DEFLATE => Ok(Box::new(entry.verifying_reader(DeflateDecoder::new(stored)))),
            _ => Err(refused("is neither stored nor deflated")),
        }
    }
}

pub(crate) fn damaged(error: rawzip::Error) -> Error {
    Error::DamagedZip { reason: error.to_string() }
}
