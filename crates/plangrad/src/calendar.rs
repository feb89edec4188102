//! Dates and times in UTC, as files and folders have them.

use std::time::{SystemTime, UNIX_EPOCH};

/// A date and its time, to the second.
struct Moment {
    /// Year, month, day.
    date: (i64, i64, i64),
    /// Hours, minutes, seconds.
    time: (u64, u64, u64),
}

/// `20261121-185900`, for names of folders.
pub(crate) fn compact(time: SystemTime) -> String {
    let Moment { date: (year, month, day), time: (hours, minutes, seconds) } = moment(time);
    format!("{year:04}{month:02}{day:02}-{hours:02}{minutes:02}{seconds:02}")
}

/// `2026-11-21T18:59:00Z`, as RFC 3339 has it.
pub(crate) fn rfc_3339(time: SystemTime) -> String {
    let Moment { date: (year, month, day), time: (hours, minutes, seconds) } = moment(time);
    format!("{year:04}-{month:02}-{day:02}T{hours:02}:{minutes:02}:{seconds:02}Z")
}

fn moment(time: SystemTime) -> Moment {
    let seconds = time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    Moment { date: civil(days as i64), time: (rest / 3600, rest / 60 % 60, rest % 60) }
}

/// Year, month and day of a number of days since 1970-01-01 (Howard Hinnant, *chrono-compatible low-level date
/// algorithms*, `civil_from_days`).
fn civil(days: i64) -> (i64, i64, i64) {
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let day_of_era = z.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day_of_year - (153 * shifted_month + 2) / 5 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn times_are_written_in_utc() {
        let at = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);
        assert_eq!(compact(at(0)), "19700101-000000");
        assert_eq!(compact(at(951_782_400)), "20000229-000000");
        assert_eq!(compact(at(1_795_287_599)), "20261121-185959");
        assert_eq!(rfc_3339(at(1_795_287_599)), "2026-11-21T18:59:59Z");
    }
}
