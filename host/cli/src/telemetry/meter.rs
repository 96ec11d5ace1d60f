//! What is counted and measured, until it is told.

use std::collections::BTreeMap;
use std::time::Duration;

use super::moment::now;
use super::otlp::{
    CUMULATIVE, Count, DELTA, Data, Distribution, Histogram, KeyValue, Metric, Sum, Value, attribute,
};

/// Something that is counted or measured.
#[derive(Debug)]
pub(super) struct Instrument {
    pub(super) name: &'static str,
    /// As UCUM writes it: `s`, `{change}`.
    pub(super) unit: &'static str,
    pub(super) description: &'static str,
    /// Upper bounds of the buckets of what is measured; none of what is counted.
    pub(super) bounds: &'static [f64],
}

/// A value that tells points of one instrument apart.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Tag {
    Text(String),
    Number(u64),
}

/// What tells a point apart.
pub(super) type Tags = Vec<(&'static str, Tag)>;

impl From<&str> for Tag {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<u64> for Tag {
    fn from(number: u64) -> Self {
        Self::Number(number)
    }
}

/// All that was counted and measured.
#[derive(Debug)]
pub(super) struct Meter {
    is_delta: bool,
    /// Since when it is counted, in nanoseconds of the epoch.
    since: u64,
    /// By the name of the instrument.
    points: BTreeMap<&'static str, (&'static Instrument, BTreeMap<Tags, Point>)>,
}

#[derive(Debug, Clone, Default)]
struct Point {
    count: u64,
    sum: f64,
    least: f64,
    most: f64,
    /// How many are in each bucket; one more than there are bounds.
    buckets: Vec<u64>,
}

impl Meter {
    /// Counts from now on.
    pub(super) fn new(is_delta: bool) -> Self {
        Self { is_delta, since: now(), points: BTreeMap::new() }
    }

    /// Counts one more.
    pub(super) fn count(&mut self, instrument: &'static Instrument, tags: Tags) {
        self.point(instrument, tags).count += 1;
    }

    /// Adds how long something took.
    pub(super) fn measure(&mut self, instrument: &'static Instrument, tags: Tags, took: Duration) {
        let seconds = took.as_secs_f64();
        let point = self.point(instrument, tags);
        point.buckets.resize(instrument.bounds.len() + 1, 0);
        let bucket = instrument.bounds.partition_point(|bound| *bound < seconds);
        if let Some(count) = point.buckets.get_mut(bucket) {
            *count += 1;
        }
        point.least = if point.count == 0 { seconds } else { point.least.min(seconds) };
        point.most = point.most.max(seconds);
        point.count += 1;
        point.sum += seconds;
    }

    fn point(&mut self, instrument: &'static Instrument, tags: Tags) -> &mut Point {
        let (_, points) = self.points.entry(instrument.name).or_insert_with(|| (instrument, BTreeMap::new()));
        points.entry(tags).or_default()
    }

    /// All of it, to be told; it is forgotten where each report is of its own time.
    pub(super) fn report(&mut self) -> Vec<Metric> {
        let now = now();
        let temporality = if self.is_delta { DELTA } else { CUMULATIVE };
        let metrics = self.points.values().map(|(instrument, points)| {
            let times = (self.since, now);
            let data = if instrument.bounds.is_empty() {
                let data_points = points.iter().map(|(tags, point)| counted(tags, point, times)).collect();
                Data::Sum(Sum { data_points, aggregation_temporality: temporality, is_monotonic: true })
            } else {
                let distributed = |(tags, point)| distributed(tags, point, times, instrument.bounds);
                let data_points = points.iter().map(distributed).collect();
                Data::Histogram(Histogram { data_points, aggregation_temporality: temporality })
            };
            Metric {
                name: instrument.name.to_owned(),
                description: instrument.description.to_owned(),
                unit: instrument.unit.to_owned(),
                data: Some(data),
            }
        });
        let metrics = metrics.collect();
        if self.is_delta {
            self.points.clear();
            self.since = now;
        }
        metrics
    }
}

fn counted(tags: &Tags, point: &Point, (since, now): (u64, u64)) -> Count {
    Count {
        attributes: attributes(tags),
        start_time_unix_nano: since,
        time_unix_nano: now,
        as_int: Some(i64::try_from(point.count).unwrap_or(i64::MAX)),
    }
}

fn distributed(tags: &Tags, point: &Point, (since, now): (u64, u64), bounds: &[f64]) -> Distribution {
    Distribution {
        attributes: attributes(tags),
        start_time_unix_nano: since,
        time_unix_nano: now,
        count: point.count,
        sum: Some(point.sum),
        bucket_counts: point.buckets.clone(),
        explicit_bounds: bounds.to_vec(),
        min: Some(point.least),
        max: Some(point.most),
    }
}

fn attributes(tags: &Tags) -> Vec<KeyValue> {
    let attributes = tags.iter().map(|(key, tag)| match tag {
        Tag::Text(text) => attribute(key, text.as_str()),
        Tag::Number(number) => attribute(key, Value::from(*number)),
    });
    attributes.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    static TIMES: Instrument =
        Instrument { name: "times", unit: "s", description: "How long.", bounds: &[0.1, 1.0] };
    static THINGS: Instrument =
        Instrument { name: "things", unit: "{thing}", description: "How many.", bounds: &[] };

    #[test]
    fn a_duration_falls_into_the_first_bucket_whose_bound_it_does_not_pass() {
        let mut meter = Meter::new(false);
        for milliseconds in [50, 100, 101, 5000] {
            meter.measure(&TIMES, Vec::new(), Duration::from_millis(milliseconds));
        }
        let report = meter.report();
        let [Metric { data: Some(Data::Histogram(histogram)), .. }] = report.as_slice() else {
            panic!("{report:?}")
        };
        let point = &histogram.data_points[0];
        assert_eq!((point.count, point.bucket_counts.as_slice()), (4, &[2, 1, 1][..]));
        assert_eq!((point.min, point.max), (Some(0.05), Some(5.0)));
    }

    #[test]
    fn a_report_of_its_own_time_begins_at_nothing() {
        for (is_delta, second) in [(false, Some(2)), (true, Some(1))] {
            let mut meter = Meter::new(is_delta);
            meter.count(&THINGS, vec![("kind", "a".into())]);
            drop(meter.report());
            meter.count(&THINGS, vec![("kind", "a".into())]);
            let report = meter.report();
            let [Metric { data: Some(Data::Sum(sum)), .. }] = report.as_slice() else { panic!("{report:?}") };
            assert_eq!(sum.data_points[0].as_int, second);
        }
    }
}
