//! Settings of a simulated shop and of its webhooks.
//!
//! Everything the reference calls "switchable" or "configurable" is here or in [`super::Faults`].

/// A cluster of the platform: which host answers and which clock the records carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cluster {
    /// European shops, Amsterdam wall time.
    Eu1,
    /// North-American shops, times with `+00:00`.
    Us1,
}

impl Cluster {
    /// Returns the identifier that deliveries carry.
    #[must_use]
    pub fn id(self) -> &'static str {
        match self {
            Self::Eu1 => "eu1",
            Self::Us1 => "us1",
        }
    }

    /// Returns the host name in the links of records (lightspeed-ecom.md §1.1).
    #[must_use]
    pub fn host(self) -> &'static str {
        match self {
            Self::Eu1 => "api.webshopapp.com",
            Self::Us1 => "api.shoplightspeed.com",
        }
    }

    /// Returns the IANA zone of its wall clock.
    #[must_use]
    pub fn zone(self) -> &'static str {
        match self {
            Self::Eu1 => "Europe/Amsterdam",
            Self::Us1 => "UTC",
        }
    }
}

/// What a key may do with one section of the shop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Access {
    /// May read.
    pub read: bool,
    /// May write.
    pub write: bool,
}

impl Access {
    /// Reading and writing.
    pub const FULL: Self = Self {
        read: true,
        write: true,
    };
    /// Reading only.
    pub const READ: Self = Self {
        read: true,
        write: false,
    };
    /// Nothing.
    pub const NONE: Self = Self {
        read: false,
        write: false,
    };
}

/// The six sections of a key (lightspeed-ecom.md §1.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Permissions {
    /// Pages and files.
    pub content: Access,
    /// Products and variants.
    pub products: Access,
    /// Customers, groups, subscriptions.
    pub customers: Access,
    /// Orders, quotes, invoices, shipments.
    pub orders: Access,
    /// The shop, languages, countries, webhooks.
    pub settings: Access,
    /// Tracking snippets.
    pub tracking: Access,
}

impl Default for Permissions {
    fn default() -> Self {
        Self {
            content: Access::FULL,
            products: Access::FULL,
            customers: Access::FULL,
            orders: Access::FULL,
            settings: Access::FULL,
            tracking: Access::FULL,
        }
    }
}

impl Permissions {
    /// Returns every section with its name.
    #[must_use]
    pub fn sections(&self) -> [(&'static str, Access); 6] {
        [
            ("content", self.content),
            ("products", self.products),
            ("customers", self.customers),
            ("orders", self.orders),
            ("settings", self.settings),
            ("tracking", self.tracking),
        ]
    }

    /// Returns the section with this name for a change; `None` when there is none.
    pub fn section_mut(&mut self, name: &str) -> Option<&mut Access> {
        Some(match name {
            "content" => &mut self.content,
            "products" => &mut self.products,
            "customers" => &mut self.customers,
            "orders" => &mut self.orders,
            "settings" => &mut self.settings,
            "tracking" => &mut self.tracking,
            _ => return None,
        })
    }
}

/// A further API key of the same shop, with a budget of its own.
#[derive(Debug, Clone)]
pub struct Key {
    /// User name, 32 hex characters at the real platform.
    pub api_key: String,
    /// Password.
    pub api_secret: String,
    /// What it may do.
    pub permissions: Permissions,
}

/// What a `*/deleted` delivery carries (lightspeed-ecom.md §9.4 #80).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DeletionBody {
    /// Nothing at all.
    #[default]
    Empty,
    /// The two characters `[]`.
    EmptyList,
    /// The record as it last was.
    LastRecord,
}

impl DeletionBody {
    /// Every kind with its name on the control port.
    pub(crate) const NAMED: [(&str, Self); 3] = [
        ("empty", Self::Empty),
        ("empty list", Self::EmptyList),
        ("last record", Self::LastRecord),
    ];
}

/// An app of the App Store: one key for all shops, a token per shop (lightspeed-ecom.md §1.3).
#[derive(Debug, Clone)]
pub struct App {
    /// User name of its calls, in every shop.
    pub key: String,
    /// The secret its password and its signatures are made with.
    pub secret: String,
    /// Where the merchant's browser goes after installing.
    pub success_url: String,
    /// What it may do.
    pub permissions: Permissions,
}

/// How webhooks are sent.
#[derive(Debug, Clone)]
pub struct WebhookOptions {
    /// Deliveries under way at the same time.
    pub concurrency: usize,
    /// Attempts per delivery before it is given up.
    pub attempts_max: u8,
    /// Wait before the second attempt, in milliseconds; doubled for each further one.
    pub retry_wait_ms: u64,
    /// Longest wait between two attempts, in milliseconds.
    pub retry_wait_ms_max: u64,
    /// Time an answer may take, in milliseconds.
    pub timeout_ms: u64,
    /// Deliveries outstanding at which the traffic generator pauses.
    pub pending_soft_limit: usize,
    /// Deliveries outstanding above which new ones are dropped (and counted as dropped).
    pub pending_hard_limit: usize,
    /// What a deletion carries.
    pub deletion_body: DeletionBody,
    /// Deliveries given up in a row after which a registration is switched off; never when `None`.
    pub deactivate_after: Option<u32>,
}

impl Default for WebhookOptions {
    fn default() -> Self {
        Self {
            concurrency: 16,
            attempts_max: 10,
            retry_wait_ms: 1_000,
            retry_wait_ms_max: 120_000,
            timeout_ms: 10_000,
            pending_soft_limit: 512,
            pending_hard_limit: 20_000,
            deletion_body: DeletionBody::Empty,
            deactivate_after: None,
        }
    }
}

/// Everything that makes one simulated shop.
#[derive(Debug, Clone)]
pub struct Options {
    /// The shop's number.
    pub shop_id: u64,
    /// Where it lives.
    pub cluster: Cluster,
    /// The name of the shop, and the first label of its host names.
    pub sub_domain: String,
    /// User name of the first API key.
    pub api_key: String,
    /// Password of the first API key; also the secret that signs deliveries.
    pub api_secret: String,
    /// Further keys.
    pub more_keys: Vec<Key>,
    /// Apps that can be installed.
    pub apps: Vec<App>,
    /// Times in filters are UTC and not wall time of the shop.
    pub is_filter_time_utc: bool,
    /// A page longer than 250 is refused and not shortened.
    pub is_limit_strict: bool,
    /// Active languages, two-letter codes.
    pub languages: Vec<String>,
    /// The default among them.
    pub default_language: String,
    /// Calls per five minutes, hour and day.
    pub limits: [u32; 3],
    /// Calls per second.
    pub per_second: u32,
    /// What the first key may do.
    pub permissions: Permissions,
    /// Status of a refusal for want of permission: 403, or 401.
    pub refusal_status: u16,
    /// Sending of webhooks.
    pub webhooks: WebhookOptions,
    /// Products in the catalogue.
    pub products: u32,
    /// Products without a picture, in percent.
    pub products_without_image_percent: u8,
    /// Products whose stock is tracked, in percent: an order of one changes it and says so.
    pub products_with_stock_percent: u8,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            shop_id: 297_541,
            cluster: Cluster::Eu1,
            sub_domain: "lantaarn-en-lint".to_owned(),
            api_key: "5b1d0c7e9f2a4836a1b2c3d4e5f60718".to_owned(),
            api_secret: "9e8d7c6b5a4938271605f4e3d2c1b0a9".to_owned(),
            more_keys: Vec::new(),
            apps: Vec::new(),
            is_filter_time_utc: false,
            is_limit_strict: false,
            languages: vec!["nl".to_owned(), "en".to_owned(), "de".to_owned()],
            default_language: "nl".to_owned(),
            limits: [300, 3_000, 12_000],
            per_second: 20,
            permissions: Permissions::default(),
            refusal_status: 403,
            webhooks: WebhookOptions::default(),
            products: 200,
            products_without_image_percent: 5,
            products_with_stock_percent: 0,
        }
    }
}
