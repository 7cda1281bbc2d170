//! What is true of several models at once: of an alias that stands for them, for instance.

use super::Facts;

/// The smaller of two limits; not known where one of them is not.
fn least(one: u32, other: u32) -> u32 {
    one.min(other)
}

impl Facts {
    /// What holds whichever of the two serves: the smaller limits, what both take and give, what both can. What one
    /// of them cannot is not to be relied on; what is not known of one is not known of both.
    ///
    /// ```
    /// use tokenrouter::catalog::{Can, Facts, Modality};
    ///
    /// let large = Facts::default().with_context(400_000).with(Can::Tools, true).with_input(Modality::Image);
    /// let small = Facts::default().with_context(32_000).with(Can::Tools, false);
    /// let both = large.and(&small);
    /// assert_eq!((both.context(), both.can(Can::Tools)), (Some(32_000), Some(false)));
    /// assert_eq!(both.takes(Modality::Image), None);
    /// ```
    #[must_use]
    pub fn and(self, other: &Self) -> Self {
        let no = (self.known & !self.yes) | (other.known & !other.yes);
        let yes = self.yes & other.yes;
        Self {
            context: least(self.context, other.context),
            max_output: least(self.max_output, other.max_output),
            cache_min: if least(self.cache_min, other.cache_min) == 0 {
                0
            } else {
                self.cache_min.max(other.cache_min)
            },
            // The day on which the first of them ends.
            until: if least_day(self.until, other.until) { self.until } else { other.until },
            mode: self.mode.filter(|mode| other.mode == Some(*mode)),
            inputs: self.inputs & other.inputs,
            outputs: self.outputs & other.outputs,
            efforts: self.efforts & other.efforts,
            known: no | yes,
            yes,
        }
    }
}

/// Whether the first of two days is the one that counts: the earlier one of those that are known.
const fn least_day(one: u16, other: u16) -> bool {
    other == 0 || (one != 0 && one <= other)
}

#[cfg(test)]
mod tests {
    use super::super::{Can, Effort, Modality};
    use super::*;

    #[test]
    fn only_what_holds_for_both_is_told() {
        let one = Facts::default().with_max_output(8).with_until("2027-01-01").with_effort(Effort::Low);
        let two = one.with_until("2026-12-01").with_effort(Effort::High).with(Can::Tools, true);
        let both = one.and(&two);
        assert_eq!((both.context(), both.max_output()), (None, Some(8)));
        assert_eq!(both.until().map(|day| day.to_string()).as_deref(), Some("2026-12-01"));
        assert_eq!(both.efforts().collect::<Vec<_>>(), [Effort::Low]);
        assert_eq!(both.can(Can::Tools), None, "of one it is not known");
        assert_eq!(two.and(&two), two);
        let seeing = two.with_input(Modality::Text).with_input(Modality::Image);
        assert_eq!(seeing.and(&two.with_input(Modality::Text)).takes(Modality::Image), Some(false));
    }
}
