//! How many requests that are not genuine one address may send (reliability.md §11.2).
//!
//! Only they are counted: all shops of a platform call from a few addresses, so a genuine webhook is never held up by
//! what else came from its address.

use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::sync::atomic::{AtomicI64, Ordering};

/// Requests that an address may send at once before it must wait.
pub(super) const BURST: i64 = 30;
/// Pause after which an address may send one more, in microseconds: 30 a minute.
const PAUSE_US: i64 = 2_000_000;
/// Places in the table. Addresses that meet in one share its allowance, which costs strangers only.
const PLACES: usize = 4_096;

/// The allowances of all addresses, in a table that never grows.
pub(super) struct Guard {
    // A key of this process, so that nobody can choose an address that meets another one.
    key: RandomState,
    /// When everything that came so far would have been allowed one by one, in microseconds of the monotonic clock.
    paid_until_us: Box<[AtomicI64]>,
}

impl Guard {
    /// Makes a table in which nobody has sent anything.
    pub(super) fn new() -> Self {
        Self {
            key: RandomState::new(),
            paid_until_us: (0..PLACES).map(|_| AtomicI64::new(0)).collect(),
        }
    }

    /// Counts a request of `address` that was not genuine; returns whether the address is within its allowance.
    pub(super) fn is_within(&self, address: IpAddr, now_us: i64) -> bool {
        let place = self.key.hash_one(network(address)) as usize % PLACES;
        let counted = self.paid_until_us[place].fetch_update(Ordering::Relaxed, Ordering::Relaxed, |until| {
            let until = until.max(now_us) + PAUSE_US;
            (until - now_us <= BURST * PAUSE_US).then_some(until)
        });
        counted.is_ok()
    }
}

/// Gives what one stranger has: an address of IPv4, or the network of 64 bits that IPv6 gives to each customer.
pub(crate) fn network(address: IpAddr) -> u128 {
    match address.to_canonical() {
        IpAddr::V4(address) => u128::from(u32::from(address)),
        IpAddr::V6(address) => u128::from(address) >> 64 | 1 << 64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn an_address_has_a_burst_and_then_one_request_per_pause() {
        let guard = Guard::new();
        let stranger = address("203.0.113.9");
        for _ in 0..BURST {
            assert!(guard.is_within(stranger, 5));
        }
        for _ in 0..1_000 {
            assert!(
                !guard.is_within(stranger, 5),
                "what is refused is not counted again"
            );
        }
        assert!(guard.is_within(stranger, 5 + PAUSE_US));
        assert!(!guard.is_within(stranger, 5 + PAUSE_US));
        for _ in 0..BURST {
            assert!(
                guard.is_within(stranger, 5 + 100 * PAUSE_US),
                "the whole burst is back"
            );
        }
    }

    #[test]
    fn one_stranger_does_not_use_up_the_allowance_of_others() {
        let guard = Guard::new();
        while guard.is_within(address("203.0.113.9"), 0) {}
        let others = (0..200_u8).filter(|n| guard.is_within(IpAddr::from([198, 51, 100, *n]), 0));
        assert!(others.count() > 190, "but for the few that meet in one place");
    }

    #[test]
    fn a_network_of_ipv6_is_one_stranger_and_mapped_addresses_are_what_they_map() {
        let of = |text| network(address(text));
        assert_eq!(of("2001:db8:1:2::1"), of("2001:db8:1:2:ffff::9"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_eq!(of("::ffff:203.0.113.9"), of("203.0.113.9"));
        assert_ne!(of("::cb00:7109"), of("203.0.113.9"));
    }
}
