//! The rows of a sweep as a chart: time, memory and accuracy against batch size, a colour for each device.

use std::borrow::Cow;

use plangrad_tensor::Device;

use super::row::Row;
use crate::drawing::{
    Axis, CURVES, Chart, Curve, Drawing, HEIGHT, MOST_TICKS, Mark, Panel, Scale, Stroke, bytes_on_scale,
};
use crate::numbers::{counted, grouped, grouped_bytes, short};

/// Draws `rows` under this title.
pub(crate) fn draw(title: String, rows: &[Row]) -> Drawing {
    let axis = sizes("batch size", rows.iter().map(|row| row.batch_size));
    let rows = Plots { rows, devices: devices(rows) };
    let panels = [rows.time(), rows.memory(), rows.learning()].into_iter();
    let panels = panels.filter(|panel| panel.curves.iter().any(|curve| !curve.points.is_empty())).collect();
    Chart { title, axis, rule: None, height: HEIGHT, panels }.draw()
}

/// An axis of sizes, each of which is written.
pub(super) fn sizes(name: impl Into<Cow<'static, str>>, sizes: impl Iterator<Item = usize>) -> Axis {
    let mut sizes: Vec<usize> = sizes.collect();
    sizes.sort_unstable();
    sizes.dedup();
    let ticks: Vec<f64> = sizes.into_iter().map(|size| size as f64).collect();
    let [low, high] = [ticks.first(), ticks.last()].map(|size| size.copied().unwrap_or(1.0));
    let show = |size: f64| grouped(size as usize);
    Axis { name: name.into(), scale: Scale::Logarithmic { low, high }, ticks, show }
}

/// The devices of the rows, in their order.
fn devices(rows: &[Row]) -> Vec<Device> {
    let mut devices = Vec::new();
    for row in rows {
        if !devices.contains(&row.device) {
            devices.push(row.device);
        }
    }
    devices
}

struct Plots<'a> {
    rows: &'a [Row],
    devices: Vec<Device>,
}

impl Plots<'_> {
    fn time(&self) -> Panel {
        let curves = self.curves("", (Stroke::Solid, Mark::Full), |row| row.seconds_per_epoch);
        let (low, high) = range(&curves).unwrap_or((0.1, 1.0));
        let scale = Scale::logarithmic(low.max(1e-9), high.max(1e-9), MOST_TICKS);
        Panel { title: "time of an epoch".to_owned(), scale, show: seconds, exact: seconds, curves }
    }

    /// Planned as lines, measured as marks on them.
    fn memory(&self) -> Panel {
        let bytes = |bytes: u64| bytes as f64;
        let largest = self.rows.iter().map(|row| row.planned_bytes.max(row.measured_bytes.unwrap_or(0)));
        let largest = bytes(largest.max().unwrap_or(1));
        let planned =
            self.curves("planned", (Stroke::Solid, Mark::None), |row| Some(bytes(row.planned_bytes)));
        let measured =
            self.curves("measured", (Stroke::None, Mark::Full), |row| row.measured_bytes.map(bytes));
        let refused = self.curves("out of memory", (Stroke::None, Mark::Hollow), |row| {
            row.out_of_memory.map(|_| bytes(row.planned_bytes))
        });
        let refused = refused.into_iter().filter(|curve| !curve.points.is_empty());
        let curves: Vec<Curve> = planned.into_iter().chain(measured).chain(refused).collect();
        let exact = |bytes: f64| format!("{} bytes", grouped_bytes(bytes as u64));
        let scale = Scale::bytes(largest, MOST_TICKS);
        Panel { title: "memory".to_owned(), scale, show: bytes_on_scale, exact, curves }
    }

    /// The accuracy, or the loss where there is none.
    fn learning(&self) -> Panel {
        let epochs = self.rows.first().map_or(1, |row| row.epochs);
        let seconds = self.rows.iter().find_map(|row| row.equal_seconds);
        let has_accuracy = self.rows.iter().any(|row| row.accuracy_after_epochs.is_some());
        let [after_epochs, after_time]: [fn(&Row) -> Option<f64>; 2] = if has_accuracy {
            [|row| row.accuracy_after_epochs, |row| row.accuracy_after_equal_time]
        } else {
            [|row| row.loss_after_epochs, |row| row.loss_after_equal_time]
        };
        let name = format!("after {}", counted(epochs as usize, "epoch"));
        let mut curves = self.curves(&name, (Stroke::Solid, Mark::Full), after_epochs);
        if let Some(seconds) = seconds {
            let name = format!("after {}", self::seconds(seconds));
            let in_time = |row: &Row| after_time(row).filter(|_| row.overtime().is_none());
            let overtime = |row: &Row| after_time(row).filter(|_| row.overtime().is_some());
            curves.extend(self.curves(&name, (Stroke::Dashed, Mark::Hollow), in_time));
            let late = self.curves(&format!("{name} and longer"), (Stroke::None, Mark::Hollow), overtime);
            curves.extend(late.into_iter().filter(|curve| !curve.points.is_empty()));
        }
        let (low, high) = range(&curves).unwrap_or((0.0, 1.0));
        let (title, show): (&str, fn(f64) -> String) =
            if has_accuracy { ("test accuracy", percent) } else { ("test loss", short) };
        let is_wide = !has_accuracy && low > 0.0 && high / low > 20.0;
        let scale = if is_wide {
            Scale::logarithmic(low, high, MOST_TICKS)
        } else {
            Scale::linear(low, high, MOST_TICKS)
        };
        Panel { title: title.to_owned(), scale, show, exact: show, curves }
    }

    /// A curve for each device, named after it where there are several.
    fn curves(
        &self,
        name: &str,
        (stroke, mark): (Stroke, Mark),
        value: impl Fn(&Row) -> Option<f64>,
    ) -> Vec<Curve> {
        let curve = |(i, &device): (usize, &Device)| {
            let rows = self.rows.iter().filter(|row| row.device == device);
            let value = |row: &Row| value(row).filter(|value| value.is_finite());
            let points = rows.filter_map(|row| Some([row.batch_size as f64, value(row)?]));
            let name = match (self.devices.len(), name) {
                (1, name) => name.to_owned(),
                (_, "") => device.to_string(),
                (_, name) => format!("{device}, {name}"),
            };
            Curve { name, colour: CURVES[i % CURVES.len()], stroke, mark, points: points.collect() }
        };
        self.devices.iter().enumerate().map(curve).collect()
    }
}

/// The smallest and the largest value.
pub(super) fn range(curves: &[Curve]) -> Option<(f64, f64)> {
    let values = curves.iter().flat_map(|curve| curve.points.iter().map(|[_, value]| *value));
    let values: Vec<f64> = values.filter(|value| value.is_finite()).collect();
    let low = values.iter().copied().min_by(f64::total_cmp)?;
    Some((low, values.into_iter().max_by(f64::total_cmp)?))
}

/// `20 ms`, `0.5 s`
pub(crate) fn seconds(seconds: f64) -> String {
    match seconds {
        s if s < 0.1 => format!("{} ms", significant(1000.0 * s)),
        s => format!("{} s", significant(s)),
    }
}

/// `97.5 %`
fn percent(share: f64) -> String {
    format!("{} %", significant(100.0 * share))
}

/// Three significant digits, and no idle zeros.
fn significant(number: f64) -> String {
    let decimals = match number.abs() {
        n if n >= 100.0 || n == 0.0 => 0,
        n => (2 - n.log10().floor() as i32).clamp(0, 9) as usize,
    };
    let text = format!("{number:.decimals$}");
    if decimals == 0 { text } else { text.trim_end_matches('0').trim_end_matches('.').to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sweep::row::Shortage;

    fn measured(device: Device, batch_size: usize, planned_bytes: u64) -> Row {
        Row {
            measured_bytes: Some(planned_bytes),
            seconds_per_epoch: Some(4.0 / batch_size as f64),
            loss_after_epochs: Some(0.2),
            accuracy_after_epochs: Some(0.95),
            equal_seconds: Some(0.25),
            loss_after_equal_time: Some(0.3),
            accuracy_after_equal_time: Some(0.9),
            ..Row::empty(device, batch_size, 2, planned_bytes)
        }
    }

    #[test]
    fn each_panel_says_what_it_shows_with_its_unit() {
        let svg =
            draw("a title".into(), &[measured(Device::Cpu, 1, 3 << 20), measured(Device::Cpu, 64, 5 << 20)]);
        let svg = svg.to_svg().unwrap();
        for text in [
            "a title",
            "time of an epoch",
            "50 ms",
            "5 s",
            "memory",
            "planned",
            "measured",
            ">0<",
            ">5 MiB<",
            "batch size 64, measured: 5,242,880 bytes",
            "test accuracy",
            "after 2 epochs",
            "after 0.25 s",
            ">90 %<",
            ">95 %<",
            ">1<",
            ">64<",
            "batch size",
        ] {
            assert!(svg.contains(text), "{text} in {svg}");
        }
        assert!(!svg.contains("out of memory") && !svg.contains("cpu"), "{svg}");
    }

    #[test]
    fn devices_are_named_where_there_are_several_and_what_did_not_fit_is_marked() {
        let refused = Row {
            out_of_memory: Some(Shortage { needed_bytes: 9, free_bytes: 8 }),
            ..Row::empty(Device::Accelerator, 64, 1, 9)
        };
        let svg = draw(String::new(), &[measured(Device::Cpu, 64, 7), refused.clone()]).to_svg().unwrap();
        for text in [">cpu<", "accelerator, planned", "accelerator, out of memory", ">8 bytes<"] {
            assert!(svg.contains(text), "{text} in {svg}");
        }
        let svg = draw(String::new(), &[refused]).to_svg().unwrap();
        assert!(svg.contains(">10 bytes<") && !svg.contains("accuracy") && !svg.contains("time of"), "{svg}");
    }

    #[test]
    fn runs_that_took_longer_than_the_others_are_marked() {
        let row = |batch_size, seconds| Row {
            seconds_in_equal_time: Some(seconds),
            ..measured(Device::Cpu, batch_size, 1024)
        };
        let svg = draw(String::new(), &[row(1, 0.25), row(8, 0.274)]).to_svg().unwrap();
        assert!(svg.contains(">after 0.25 s<") && !svg.contains("longer"), "{svg}");
        let svg = draw(String::new(), &[row(1, 0.25), row(8, 0.276)]).to_svg().unwrap();
        assert!(svg.contains(">after 0.25 s and longer<"), "{svg}");
    }

    #[test]
    fn a_regression_is_compared_by_its_loss() {
        let row = |size, loss| Row {
            loss_after_epochs: Some(loss),
            accuracy_after_epochs: None,
            accuracy_after_equal_time: None,
            ..measured(Device::Cpu, size, 1024)
        };
        let svg = draw(String::new(), &[row(1, 0.01), row(8, 84.0)]).to_svg().unwrap();
        assert!(svg.contains("test loss") && svg.contains(">100<") && !svg.contains("accuracy"), "{svg}");
    }

    #[test]
    fn numbers_have_three_digits_and_a_unit_that_suits_them() {
        assert_eq!([0.02, 0.138, 5.0, 61.5].map(seconds), ["20 ms", "0.138 s", "5 s", "61.5 s"]);
        assert_eq!([0.975, 1.0, 0.0].map(percent), ["97.5 %", "100 %", "0 %"]);
        assert_eq!([1e-5, 0.000_578_673].map(seconds), ["0.01 ms", "0.579 ms"]);
    }
}
