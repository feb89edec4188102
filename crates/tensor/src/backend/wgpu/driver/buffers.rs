//! Copies between host and adapter.

use std::sync::mpsc;

use wgpu::{Buffer, BufferDescriptor, BufferUsages, CommandEncoderDescriptor, MapMode};

use super::gpu::{Gpu, LABEL, lock};
use crate::error::DeviceFailure;

/// Bytes that travel at a time.
const PART: usize = 4 << 20;
/// Copies are of multiples of this.
const UNIT: usize = wgpu::COPY_BUFFER_ALIGNMENT as usize;

impl Gpu {
    /// Copies to a buffer, at a multiple of four bytes; up to three more bytes are overwritten. `bytes` may be changed as soon
    /// as this returns, and what is submitted next finds them there.
    pub(super) fn upload(&self, buffer: &Buffer, offset: u64, bytes: &[u8]) -> Result<(), DeviceFailure> {
        let whole = bytes.len() / UNIT * UNIT;
        for (i, part) in bytes[..whole].chunks(PART).enumerate() {
            // Large datasets are not held by the driver a second time.
            if i > 0 {
                self.queue.submit([]);
                self.wait()?;
            }
            self.queue.write_buffer(buffer, offset + (i * PART) as u64, part);
        }
        if whole < bytes.len() {
            let mut last = [0; UNIT];
            last[..bytes.len() - whole].copy_from_slice(&bytes[whole..]);
            self.queue.write_buffer(buffer, offset + whole as u64, &last);
        }
        self.check()
    }

    /// Copies from a buffer, from a multiple of four bytes on, once all that was submitted has finished.
    pub(super) fn download(
        &self,
        buffer: &Buffer,
        offset: u64,
        bytes: &mut [u8],
    ) -> Result<(), DeviceFailure> {
        let mut landing = lock(&self.landing);
        let landing = landing.get_or_insert_with(|| {
            let usage = BufferUsages::MAP_READ | BufferUsages::COPY_DST;
            let size = PART as u64;
            self.device.create_buffer(&BufferDescriptor {
                label: LABEL,
                size,
                usage,
                mapped_at_creation: false,
            })
        });
        for (i, part) in bytes.chunks_mut(PART).enumerate() {
            let length = part.len().next_multiple_of(UNIT) as u64;
            let mut encoder = self.device.create_command_encoder(&CommandEncoderDescriptor { label: LABEL });
            encoder.copy_buffer_to_buffer(buffer, offset + (i * PART) as u64, landing, 0, length);
            self.queue.submit([encoder.finish()]);
            self.read_mapped(landing, length, part)?;
        }
        Ok(())
    }

    fn read_mapped(&self, landing: &Buffer, length: u64, bytes: &mut [u8]) -> Result<(), DeviceFailure> {
        let (sender, receiver) = mpsc::channel();
        let slice = landing.slice(..length);
        slice.map_async(MapMode::Read, move |mapped| drop(sender.send(mapped)));
        self.wait()?;
        let unread = || DeviceFailure::Graphics { report: "its memory cannot be read".to_owned() };
        receiver.try_recv().ok().and_then(Result::ok).ok_or_else(unread)?;
        {
            let view = slice.get_mapped_range().map_err(|_| unread())?;
            bytes.copy_from_slice(&view[..bytes.len()]);
        }
        landing.unmap();
        self.check()
    }
}
