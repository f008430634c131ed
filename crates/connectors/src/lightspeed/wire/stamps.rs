//! What every record has.

use serde::de::MapAccess;

use super::{Raw, Wire};

/// The id of a record and its two times.
#[derive(Debug, Clone, Copy, Default)]
pub struct Stamps<'a> {
    pub id: Raw<'a>,
    pub created_at: Raw<'a>,
    pub updated_at: Raw<'a>,
}

impl<'de> Wire<'de> for Stamps<'de> {
    fn read<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        match key {
            "id" => self.id = map.next_value()?,
            "createdAt" => self.created_at = map.next_value()?,
            "updatedAt" => self.updated_at = map.next_value()?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}
