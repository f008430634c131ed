//! What can be registered: groups, actions, and which record a group is about.

use http::HeaderName;

/// A group of records that webhooks can be registered for (lightspeed-ecom.md §4.1).
pub(crate) const GROUPS: [&str; 12] = [
    "customers",
    "orders",
    "invoices",
    "shipments",
    "products",
    "variants",
    "quotes",
    "reviews",
    "returns",
    "subscriptions",
    "tickets",
    "contacts",
];

/// The actions; `*` stands for every one.
pub(crate) const ACTIONS: [&str; 7] = [
    "created", "updated", "deleted", "paid", "shipped", "answered", "*",
];

/// Finds the platform's own spelling of a group.
pub(crate) fn group(word: &str) -> Option<&'static str> {
    GROUPS.into_iter().find(|group| *group == word)
}

/// Finds an action that `group` knows: `paid` and `shipped` are for orders, `answered` for tickets.
pub(crate) fn action(group: &str, word: &str) -> Option<&'static str> {
    let action = ACTIONS.into_iter().find(|action| *action == word)?;
    let is_known = match action {
        "paid" | "shipped" => group == "orders",
        "answered" => group == "tickets",
        _ => true,
    };
    is_known.then_some(action)
}

/// Something that happened to a record and may be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Item {
    Customer,
    Subscription,
    Quote,
    Order,
    Invoice,
    Shipment,
    Product,
    Variant,
    /// A credit invoice, by its position among them.
    Credit,
    /// A further shipment of an order, by its position among them.
    Parcel,
    /// A plain record; its position is its id.
    Review,
    Return,
    Ticket,
    Contact,
}

impl Item {
    /// Returns the item of a plain resource that has webhooks.
    pub(crate) fn of_plain(path: &str) -> Option<Self> {
        [Self::Review, Self::Return, Self::Ticket, Self::Contact]
            .into_iter()
            .find(|item| item.group() == path)
    }

    /// Returns the group it is registered under.
    pub(crate) fn group(self) -> &'static str {
        match self {
            Self::Customer => "customers",
            Self::Subscription => "subscriptions",
            Self::Quote => "quotes",
            Self::Order => "orders",
            Self::Invoice | Self::Credit => "invoices",
            Self::Shipment | Self::Parcel => "shipments",
            Self::Product => "products",
            Self::Variant => "variants",
            Self::Review => "reviews",
            Self::Return => "returns",
            Self::Ticket => "tickets",
            Self::Contact => "contacts",
        }
    }

    /// Returns the envelope of its body.
    pub(crate) fn singular(self) -> &'static str {
        let group = self.group();
        &group[..group.len() - 1]
    }

    /// Returns the header with its id.
    pub(crate) fn id_header(self) -> HeaderName {
        HeaderName::from_static(match self {
            Self::Customer => "x-customer-id",
            Self::Subscription => "x-subscription-id",
            Self::Quote => "x-quote-id",
            Self::Order => "x-order-id",
            Self::Invoice | Self::Credit => "x-invoice-id",
            Self::Shipment | Self::Parcel => "x-shipment-id",
            Self::Product => "x-product-id",
            Self::Variant => "x-variant-id",
            Self::Review => "x-review-id",
            Self::Return => "x-return-id",
            Self::Ticket => "x-ticket-id",
            Self::Contact => "x-contact-id",
        })
    }
}
