//! The time within which a budget counts.

use serde::{Deserialize, Serialize};

/// The longest rolling window: 366 days, in seconds.
pub const MAX_ROLLING_SECONDS: u32 = 366 * 86_400;

/// A stretch of the calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Period {
    /// An hour.
    Hour,
    /// A day: 23 or 25 hours where clocks are turned.
    Day,
    /// A week; it begins on Monday.
    Week,
    /// A month.
    Month,
}

impl Period {
    /// Every period, the shortest first.
    pub const ALL: [Self; 4] = [Self::Hour, Self::Day, Self::Week, Self::Month];

    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
        }
    }
}

/// For how long a budget lasts before it is full again.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "Option<WindowForm>", into = "Option<WindowForm>")]
pub enum Window {
    /// The token's whole life. In JSON: absent or `null`.
    #[default]
    Lifetime,
    /// Always the last so many seconds. In JSON: `{"seconds":3600}`.
    Rolling {
        /// Its length.
        seconds: u32,
    },
    /// The current hour, day, week or month. In JSON: `{"calendar":"month","time_zone":"Europe/Berlin"}`.
    Calendar {
        /// Which.
        period: Period,
        /// Whose clocks say when it begins: a name of the IANA database.
        time_zone: String,
    },
}

/// As it stands in JSON.
#[cfg(feature = "openapi")]
impl utoipa::PartialSchema for Window {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
        use utoipa::openapi::schema::{AnyOfBuilder, ObjectBuilder, Type};
        AnyOfBuilder::new()
            .item(ObjectBuilder::new().schema_type(Type::Null))
            .item(WindowForm::schema())
            .description(Some("`null`, or none at all: the token's whole life."))
            .into()
    }
}

#[cfg(feature = "openapi")]
impl utoipa::ToSchema for Window {
    fn name() -> std::borrow::Cow<'static, str> {
        "Window".into()
    }

    fn schemas(schemas: &mut Vec<(String, utoipa::openapi::RefOr<utoipa::openapi::Schema>)>) {
        WindowForm::schemas(schemas);
    }
}

impl Window {
    /// Whether it is the token's whole life.
    pub fn is_lifetime(&self) -> bool {
        *self == Self::Lifetime
    }
}

/// Where nothing is said of the time zone.
fn utc() -> String {
    "UTC".to_owned()
}

/// A window as JSON has it.
#[derive(Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
struct WindowForm {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    seconds: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    calendar: Option<Period>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    time_zone: Option<String>,
}

impl TryFrom<Option<WindowForm>> for Window {
    type Error = &'static str;

    fn try_from(form: Option<WindowForm>) -> Result<Self, Self::Error> {
        match form.map(|form| (form.seconds, form.calendar, form.time_zone)) {
            None => Ok(Self::Lifetime),
            Some((Some(seconds), None, None)) => Ok(Self::Rolling { seconds }),
            Some((None, Some(period), zone)) => Ok(Self::Calendar { period, time_zone: zone.unwrap_or_else(utc) }),
            Some(_) => Err("a window is {\"seconds\": 3600} or {\"calendar\": \"month\", \"time_zone\": \"UTC\"}"),
        }
    }
}

impl From<Window> for Option<WindowForm> {
    fn from(window: Window) -> Self {
        let (seconds, calendar, time_zone) = match window {
            Window::Lifetime => return None,
            Window::Rolling { seconds } => (Some(seconds), None, None),
            Window::Calendar { period, time_zone } => (None, Some(period), Some(time_zone)),
        };
        Some(WindowForm { seconds, calendar, time_zone })
    }
}
