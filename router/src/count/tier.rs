//! The tier of service that an attempt was served in.

/// How urgently a provider serves a request; tiers differ in price.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum ServiceTier {
    /// As usual.
    #[default]
    Standard,
    /// Some time within a day.
    Batch,
    /// Slower and cheaper.
    Flex,
    /// Sooner and dearer.
    Priority,
    /// The same model, writing faster (Anthropic's `speed: fast`).
    Fast,
}

impl ServiceTier {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Standard, Self::Batch, Self::Flex, Self::Priority, Self::Fast];

    /// The name in data files, and on the wire where it has one.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Batch => "batch",
            Self::Flex => "flex",
            Self::Priority => "priority",
            Self::Fast => "fast",
        }
    }

    /// The tier that an answer names: `service_tier` of OpenAI, Anthropic and Groq, `trafficType` and `serviceTier` of
    /// Google, in whatever case. Unknown ones, `default` and `auto` are standard.
    pub fn of(name: &str) -> Self {
        const NAMES: [(&str, ServiceTier); 10] = [
            ("batch", ServiceTier::Batch),
            ("batches", ServiceTier::Batch),
            ("flex", ServiceTier::Flex),
            ("on_demand_flex", ServiceTier::Flex),
            ("priority", ServiceTier::Priority),
            ("on_demand_priority", ServiceTier::Priority),
            // Groq's dearer one.
            ("performance", ServiceTier::Priority),
            ("fast", ServiceTier::Fast),
            ("ultrafast", ServiceTier::Fast),
            ("on_demand_fast", ServiceTier::Fast),
        ];
        let known = NAMES.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        known.map_or(Self::Standard, |(_, tier)| *tier)
    }

    /// The number in storage. Only ever added to.
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// The tier of this number; standard where there is none.
    pub fn numbered(number: u8) -> Self {
        Self::ALL.into_iter().find(|tier| tier.number() == number).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiers_are_known_by_every_vendors_name() {
        for (name, tier) in [
            ("default", ServiceTier::Standard),
            ("auto", ServiceTier::Standard),
            ("on_demand", ServiceTier::Standard),
            ("ON_DEMAND", ServiceTier::Standard),
            ("PROVISIONED_THROUGHPUT", ServiceTier::Standard),
            ("flex", ServiceTier::Flex),
            ("FLEX", ServiceTier::Flex),
            ("ON_DEMAND_PRIORITY", ServiceTier::Priority),
            ("batch", ServiceTier::Batch),
            ("", ServiceTier::Standard),
        ] {
            assert_eq!(ServiceTier::of(name), tier, "{name}");
        }
        for tier in ServiceTier::ALL {
            assert_eq!((ServiceTier::numbered(tier.number()), ServiceTier::of(tier.as_str())), (tier, tier));
        }
        assert_eq!(ServiceTier::numbered(99), ServiceTier::Standard);
        assert_eq!(ServiceTier::ALL.map(ServiceTier::number), [0, 1, 2, 3, 4], "what is stored stays what it is");
    }
}
