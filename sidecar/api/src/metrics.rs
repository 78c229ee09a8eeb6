//! Numbers as Prometheus reads them: the OpenMetrics text format.
//!
//! One bad line makes Prometheus drop the whole page, and label values are a stranger's text. So families that would break
//! the format, or come twice, are left out and counted, whoever wrote them.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

use anomaly_baseline::text::printable;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, MetricEncoder, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

use crate::model::{Metric, MetricKind, Sample};

/// What the format is called.
pub(crate) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The longest label value, in bytes.
const LONGEST_VALUE: usize = 200;

/// The page of numbers, and how many samples had to be left out.
///
/// # Errors
/// None that memory allows: the text grows as it must.
pub(crate) fn encode(metrics: Vec<Metric>) -> Result<(String, u64), fmt::Error> {
    let (families, left_out) = sound(metrics);
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Families(families)));
    let mut out = String::new();
    text::encode(&mut out, &registry)?;
    Ok((out, left_out))
}

/// Families that keep to the format, each once; and how many samples do not.
fn sound(metrics: Vec<Metric>) -> (Vec<Metric>, u64) {
    let mut left_out = 0;
    let mut names = HashSet::new();
    let mut families = Vec::with_capacity(metrics.len());
    for mut metric in metrics {
        if metric.kind == MetricKind::Counter {
            metric.name = metric.name.strip_suffix("_total").unwrap_or(metric.name);
        }
        // What the samples of a counter may be called is no family's name.
        let reserved = ["_total", "_created"];
        if !is_name(metric.name, true)
            || reserved.iter().any(|end| metric.name.ends_with(end))
            || !names.insert(metric.name)
        {
            left_out += metric.samples.len().max(1) as u64;
            continue;
        }
        let mut seen = HashSet::new();
        let before = metric.samples.len();
        metric.samples.retain_mut(|sample| {
            sample.labels.sort();
            for (_, value) in &mut sample.labels {
                *value = Cow::Owned(printable(value, LONGEST_VALUE));
            }
            is_sound(sample, metric.kind) && seen.insert(sample.labels.clone())
        });
        left_out += (before - metric.samples.len()) as u64;
        families.push(metric);
    }
    (families, left_out)
}

fn is_sound(sample: &Sample, kind: MetricKind) -> bool {
    let labels = sample.labels.iter().all(|(name, _)| is_name(name, false) && !name.starts_with("__"));
    let twice = sample.labels.windows(2).any(|pair| pair[0].0 == pair[1].0);
    let value = kind == MetricKind::Gauge || sample.value.is_finite() && sample.value >= 0.0;
    labels && !twice && value
}

fn is_name(name: &str, colons: bool) -> bool {
    !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || colons && byte == b':')
}

#[derive(Debug)]
struct Families(Vec<Metric>);

impl Collector for Families {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
        for Metric { name, help, kind, samples } in &self.0 {
            let kind_in_text = match kind {
                MetricKind::Counter => MetricType::Counter,
                MetricKind::Gauge => MetricType::Gauge,
            };
            let help = printable(help, 400).replace('\\', "\\\\").replace('"', "\\\"");
            let mut family = encoder.encode_descriptor(name, &help, None, kind_in_text)?;
            for Sample { labels, value } in samples.iter().filter(|sample| !sample.labels.is_empty()) {
                number(*kind, *value, family.encode_family(labels)?)?;
            }
            // There is one at most; as a family's member it would have empty braces.
            if let Some(Sample { value, .. }) = samples.iter().find(|sample| sample.labels.is_empty()) {
                number(*kind, *value, family)?;
            }
        }
        Ok(())
    }
}

fn number(kind: MetricKind, value: f64, into: MetricEncoder<'_>) -> Result<(), fmt::Error> {
    match kind {
        MetricKind::Counter if is_whole(value) => ConstCounter::new(value as u64).encode(into),
        MetricKind::Counter => ConstCounter::new(value).encode(into),
        MetricKind::Gauge => ConstGauge::new(value).encode(into),
    }
}

/// Whether it is a count that binary holds exactly.
fn is_whole(value: f64) -> bool {
    value.fract() == 0.0 && value < 9e15
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Metric, MetricKind, Sample, encode};

    fn family(name: &'static str, kind: MetricKind, samples: Vec<Sample>) -> Metric {
        Metric { name, help: "A \"test\" with a \\ and\na line", kind, samples }
    }

    fn sample(labels: &[(&'static str, &'static str)], value: f64) -> Sample {
        Sample { labels: labels.iter().map(|(name, value)| (*name, (*value).into())).collect(), value }
    }

    #[test]
    fn counters_and_gauges() {
        let (text, left_out) = encode(vec![
            family("anomaly_executions", MetricKind::Counter, vec![sample(&[("feed", "ebpf")], 7.0)]),
            family("anomaly_bytes", MetricKind::Gauge, vec![sample(&[], 1.5)]),
            family("anomaly_build_info", MetricKind::Gauge, vec![sample(&[("version", "1")], 1.0)]),
        ])
        .expect("a string takes it");
        assert_eq!(
            text,
            "# HELP anomaly_executions A \\\"test\\\" with a \\\\ and\\\\na line\n# TYPE anomaly_executions counter\n\
             anomaly_executions_total{feed=\"ebpf\"} 7\n\
             # HELP anomaly_bytes A \\\"test\\\" with a \\\\ and\\\\na line\n# TYPE anomaly_bytes gauge\n\
             anomaly_bytes 1.5\n\
             # HELP anomaly_build_info A \\\"test\\\" with a \\\\ and\\\\na line\n# TYPE anomaly_build_info gauge\n\
             anomaly_build_info{version=\"1\"} 1.0\n# EOF\n"
        );
        assert_eq!(left_out, 0);
    }

    #[test]
    fn what_breaks_the_format_is_left_out_and_counted() {
        let (text, left_out) = encode(vec![
            family("anomaly_a_total", MetricKind::Counter, vec![sample(&[], 1.0)]),
            family("anomaly_a", MetricKind::Gauge, vec![sample(&[], 2.0)]),
            family("anomaly_a_total", MetricKind::Gauge, vec![sample(&[], 3.0)]),
            family("9lives", MetricKind::Gauge, vec![sample(&[], 4.0)]),
            family("", MetricKind::Gauge, vec![]),
            family(
                "anomaly_b",
                MetricKind::Counter,
                vec![
                    sample(&[("a", "x"), ("b", "y")], 5.0),
                    sample(&[("b", "y"), ("a", "x")], 6.0),
                    sample(&[("a", "x"), ("a", "z")], 7.0),
                    sample(&[("a-b", "x")], 8.0),
                    sample(&[("__a", "x")], 8.0),
                    sample(&[("a", "nan")], f64::NAN),
                    sample(&[("a", "negative")], -1.0),
                ],
            ),
        ])
        .expect("a string takes it");
        let samples: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
        assert_eq!(samples, ["anomaly_a_total 1", "anomaly_b_total{a=\"x\",b=\"y\"} 5"]);
        assert_eq!(left_out, 10);
    }

    #[test]
    fn label_values_cannot_leave_their_line() {
        let hostile = sample(&[("workload", "a\"} 1\nevil 2\\\u{202e}\x1b[0m")], 1.0);
        let (text, left_out) =
            encode(vec![family("anomaly_c", MetricKind::Gauge, vec![hostile])]).expect("a string takes it");
        assert_eq!(text.lines().count(), 4, "{text}");
        assert!(text.contains(r#"{workload="a\"} 1\\nevil 2\\\\u{202e}\\x1b[0m"}"#), "{text}");
        assert_eq!(left_out, 0);
    }

    proptest! {
        #[test]
        fn every_sample_is_one_line_or_counted(
            values in proptest::collection::hash_map(".{0,40}", any::<u32>(), 0..8),
            labelled in any::<bool>(),
        ) {
            let label = |value: String| if labelled { vec![("workload", value.into())] } else { vec![] };
            let samples: Vec<Sample> = values
                .into_iter()
                .map(|(value, number)| Sample { labels: label(value), value: f64::from(number) })
                .collect();
            let given = samples.len() as u64;
            let (text, left_out) =
                encode(vec![family("anomaly_d", MetricKind::Counter, samples)]).expect("a string takes it");
            let body = text.strip_suffix("# EOF\n").expect("it ends as it has to");
            let mut series = std::collections::HashSet::new();
            for line in body.lines().filter(|line| !line.starts_with('#')) {
                prop_assert!(!line.chars().any(anomaly_baseline::text::needs_escape), "{line:?}");
                let (name, value) = line.rsplit_once(' ').expect("name and value");
                prop_assert!(name.starts_with("anomaly_d_total") && series.insert(name), "{line}");
                prop_assert!(value.parse::<u32>().is_ok(), "{line}");
            }
            prop_assert_eq!(series.len() as u64 + left_out, given);
            // Two texts that look the same once they are printable are one series.
            prop_assert!(labelled || series.len() as u64 <= 1);
        }
    }
}
