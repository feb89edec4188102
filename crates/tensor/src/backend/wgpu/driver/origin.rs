//! Where a step's batch comes from: windows on a dataset, in memory of its own or in the arena.

use wgpu::{
    BindGroup, BindGroupDescriptor, BindGroupEntry, BindGroupLayout, BindingResource, Buffer, BufferBinding,
    BufferDescriptor, BufferUsages,
};

use super::gpu::{Gpu, LABEL};
use super::shader::ORIGIN_BINDINGS;
use crate::error::DeviceFailure;
use crate::ir::Extent;

/// Where samples, targets and the order lie in a buffer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Origin<'a> {
    pub(super) buffer: &'a Buffer,
    pub(super) samples: Extent,
    pub(super) targets: Extent,
    /// None if a step takes rows from 0 on.
    pub(super) order: Option<Extent>,
    /// Bytes of a sample.
    pub(super) width: usize,
}

/// A binding that contains bytes, and how many come before them.
struct Window {
    offset: u64,
    bytes: u64,
    before: u64,
}

impl Origin<'_> {
    /// A group of bindings for each window on the samples: one, unless they are more than a binding takes.
    pub(super) fn bind(&self, gpu: &Gpu) -> Result<Vec<BindGroup>, DeviceFailure> {
        let layout = gpu.layout(&ORIGIN_BINDINGS);
        let rows = self.samples.bytes.checked_div(self.width).unwrap_or(0);
        let at_once = (gpu.largest_binding() - gpu.alignment()) as usize;
        let rows_at_once = at_once.checked_div(self.width).unwrap_or(rows).max(1);
        let windows = rows.div_ceil(rows_at_once).max(1);
        let of_window = |i: usize| {
            let first = i * rows_at_once;
            let rows = rows_at_once.min(rows - first);
            let offset = self.samples.offset + first * self.width;
            self.bind_window(gpu, &layout, i, Extent { offset, bytes: rows * self.width }, [first, rows])
        };
        (0..windows).map(of_window).collect()
    }

    fn bind_window(
        &self,
        gpu: &Gpu,
        layout: &BindGroupLayout,
        number: usize,
        samples: Extent,
        [first_row, rows]: [usize; 2],
    ) -> Result<BindGroup, DeviceFailure> {
        let order = self.order.unwrap_or(samples);
        let [samples, targets, order] = [samples, self.targets, order].map(|part| self.window(gpu, part));
        let (samples, targets, order) = (samples?, targets?, order?);
        let order_place = if self.order.is_some() { order.before as u32 / 4 } else { u32::MAX };
        let words = [
            samples.before as u32,
            targets.before as u32,
            order_place,
            first_row as u32,
            rows as u32,
            number as u32,
        ];
        let usage = BufferUsages::UNIFORM | BufferUsages::COPY_DST;
        let size = size_of_val(&words) as u64;
        let origin = gpu.device.create_buffer(&BufferDescriptor {
            label: LABEL,
            size,
            usage,
            mapped_at_creation: false,
        });
        gpu.upload(&origin, 0, bytemuck::cast_slice(&words))?;
        let part = |window: &Window| {
            let size = std::num::NonZeroU64::new(window.bytes);
            BindingResource::Buffer(BufferBinding { buffer: self.buffer, offset: window.offset, size })
        };
        let resources = [part(&samples), part(&targets), part(&order), origin.as_entire_binding()];
        let entries: Vec<BindGroupEntry<'_>> =
            (0..).zip(resources).map(|(binding, resource)| BindGroupEntry { binding, resource }).collect();
        Ok(gpu.device.create_bind_group(&BindGroupDescriptor { label: LABEL, layout, entries: &entries }))
    }

    fn window(&self, gpu: &Gpu, part: Extent) -> Result<Window, DeviceFailure> {
        let start = part.offset as u64;
        let offset = start / gpu.alignment() * gpu.alignment();
        let before = start - offset;
        let bytes = (before + part.bytes as u64).next_multiple_of(4).max(4);
        if bytes > gpu.largest_binding() {
            return Err(DeviceFailure::Binding { bytes, most: gpu.largest_binding() });
        }
        Ok(Window { offset, bytes, before })
    }
}
