//! Reads Prometheus' text format strictly: whatever the rules do not allow is a failure.
#![expect(clippy::float_cmp, reason = "whole numbers, which the format writes as floats")]

use std::collections::{BTreeMap, HashSet};

/// Labels, and the value.
pub type Sample = (BTreeMap<String, String>, f64);

/// What a page of metrics says.
#[derive(Debug, Default)]
pub struct Page {
    /// The type of each family.
    pub kinds: BTreeMap<String, String>,
    /// Labels and value of each sample, by its name.
    pub samples: BTreeMap<String, Vec<Sample>>,
}

impl Page {
    /// The sum of all samples of `name` whose labels hold all of `wanted`.
    pub fn sum(&self, name: &str, wanted: &[(&str, &str)]) -> f64 {
        let holds = |labels: &BTreeMap<String, String>| {
            wanted.iter().all(|(label, value)| labels.get(*label).is_some_and(|known| known == value))
        };
        let samples = self.samples.get(name).into_iter().flatten();
        samples.filter(|(labels, _)| holds(labels)).map(|(_, value)| value).sum()
    }

    /// The values that `label` has in samples of `name`.
    pub fn values(&self, name: &str, label: &str) -> HashSet<&str> {
        let samples = self.samples.get(name).into_iter().flatten();
        samples.filter_map(|(labels, _)| labels.get(label).map(String::as_str)).collect()
    }

    /// Reads `text`.
    pub fn read(text: &str) -> Self {
        assert!(text.ends_with('\n'), "the last line ends");
        let (mut page, mut family, mut seen) = (Self::default(), String::new(), HashSet::new());
        let mut helped = HashSet::new();
        for line in text.lines() {
            if let Some(help) = line.strip_prefix("# HELP ") {
                let (name, words) = help.split_once(' ').unwrap();
                assert!(helped.insert(name.to_owned()) && !words.is_empty(), "{line}");
                continue;
            }
            if let Some(kind) = line.strip_prefix("# TYPE ") {
                let (name, kind) = kind.split_once(' ').unwrap();
                assert!(["counter", "gauge", "histogram"].contains(&kind), "{line}");
                assert!(helped.contains(name), "{name} is not explained");
                assert!(page.kinds.insert(name.to_owned(), kind.to_owned()).is_none(), "{name} is there twice");
                name.clone_into(&mut family);
                continue;
            }
            let (name, labels, value) = sample(line);
            let of_histogram = ["_bucket", "_sum", "_count"].iter().any(|end| name.strip_suffix(end) == Some(&family));
            assert!(
                if page.kinds[&family] == "histogram" { of_histogram } else { name == family },
                "{line} in {family}"
            );
            assert!(seen.insert((name.clone(), labels.clone())), "twice: {line}");
            assert!(page.kinds[&family] == "gauge" || value >= 0.0, "{line}");
            page.samples.entry(name).or_default().push((labels, value));
        }
        page.check_histograms();
        page
    }

    fn check_histograms(&self) {
        for name in self.kinds.iter().filter(|(_, kind)| *kind == "histogram").map(|(name, _)| name) {
            let mut series: BTreeMap<BTreeMap<String, String>, Vec<(f64, f64)>> = BTreeMap::new();
            for (labels, value) in self.samples.get(&format!("{name}_bucket")).into_iter().flatten() {
                let mut labels = labels.clone();
                let le = labels.remove("le").unwrap();
                series.entry(labels).or_default().push((le.replace("+Inf", "inf").parse().unwrap(), *value));
            }
            for (labels, buckets) in series {
                assert!(buckets.is_sorted_by(|a, b| a.0 < b.0 && a.1 <= b.1), "{name} {labels:?} {buckets:?}");
                let wanted: Vec<_> = labels.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
                let last = buckets.last().unwrap();
                assert!(last.0.is_infinite(), "{name}");
                assert_eq!(last.1, self.sum(&format!("{name}_count"), &wanted), "{name} {labels:?}");
            }
        }
    }
}

fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn sample(line: &str) -> (String, BTreeMap<String, String>, f64) {
    let end = line.find(['{', ' ']).unwrap_or_else(|| panic!("{line}"));
    let (name, mut rest) = line.split_at(end);
    assert!(is_name(name), "{line}");
    let mut labels = BTreeMap::new();
    if let Some(inside) = rest.strip_prefix('{') {
        rest = inside;
        loop {
            let (label, after) = rest.split_once("=\"").unwrap_or_else(|| panic!("{line}"));
            assert!(is_name(label), "{line}");
            let mut value = String::new();
            let mut chars = after.char_indices();
            let end = loop {
                match chars.next().unwrap_or_else(|| panic!("{line}")) {
                    (_, '\\') => value.push(match chars.next().unwrap().1 {
                        'n' => '\n',
                        c @ ('\\' | '"') => c,
                        c => panic!("\\{c} in {line}"),
                    }),
                    (at, '"') => break at,
                    (_, c) => value.push(c),
                }
            };
            assert!(labels.insert(label.to_owned(), value).is_none(), "{line}");
            rest = &after[end + 1..];
            match rest.split_at(1) {
                (",", more) => rest = more,
                ("}", more) => {
                    rest = more;
                    break;
                }
                _ => panic!("{line}"),
            }
        }
    }
    let value = rest.strip_prefix(' ').unwrap_or_else(|| panic!("{line}"));
    (name.to_owned(), labels, value.parse().unwrap_or_else(|_| panic!("{line}")))
}
