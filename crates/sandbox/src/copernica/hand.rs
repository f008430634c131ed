//! What a person does in the user interface, behind the back of whoever uses the API.

use thiserror::Error;

use super::Simulator;
use super::account::Account;
use super::field::Kind;
use super::rules::{Removal, Restriction, Rules};
use super::structure::Owner;

/// A database, or a collection of one, by name or id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum At<'a> {
    /// The database.
    Database(&'a str),
    /// The database and its collection.
    Collection(&'a str, &'a str),
}

/// Why the user interface does not do it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum HandError {
    /// There is nothing of this name or number.
    #[error("there is no such thing in the account")]
    Unknown,
    /// The field may be changed through the API only.
    #[error("the definition of the field is locked")]
    Locked,
    /// The type is not one of the API's.
    #[error("there is no such field type")]
    UnknownType,
}

impl Account {
    fn owner(&self, at: At<'_>) -> Result<Owner, HandError> {
        let (At::Database(name) | At::Collection(name, _)) = at;
        let place = self.database_at(name).ok_or(HandError::Unknown)?;
        let At::Collection(_, collection) = at else {
            return Ok(Owner::Database(place));
        };
        let place = self
            .collection_of(self.databases[place].id, collection)
            .ok_or(HandError::Unknown)?;
        Ok(Owner::Collection(place))
    }

    fn field_of(&self, at: At<'_>, field: &str) -> Result<(Owner, usize), HandError> {
        let owner = self.owner(at)?;
        let position = self.table(owner).position(field).ok_or(HandError::Unknown)?;
        if self.table(owner).fields()[position].lock {
            Err(HandError::Locked)
        } else {
            Ok((owner, position))
        }
    }

    fn rules_mut(&mut self, owner: Owner) -> &mut Rules {
        match owner {
            Owner::Database(place) => &mut self.databases[place].rules,
            Owner::Collection(place) => &mut self.collections[place].rules,
        }
    }
}

impl Simulator {
    /// Removes a profile with its subprofiles; says whether it lived.
    pub fn remove_profile(&self, id: u64) -> bool {
        let mut account = self.account_to_change();
        let id = u32::try_from(id).unwrap_or(0);
        let lives = account.profiles.get(id).is_some_and(|row| row.removed == 0);
        account.remove_profile(id);
        lives
    }

    /// Removes a subprofile; says whether it lived.
    pub fn remove_subprofile(&self, id: u64) -> bool {
        let mut account = self.account_to_change();
        let id = u32::try_from(id).unwrap_or(0);
        let lives = account.subprofiles.get(id).is_some_and(|row| row.removed == 0);
        account.delete_subprofile(id);
        lives
    }

    /// Takes the lock off a field, so that the other edits can change it.
    ///
    /// # Errors
    /// When there is no such field.
    pub fn unlock_field(&self, at: At<'_>, field: &str) -> Result<(), HandError> {
        let mut account = self.account_to_change();
        let owner = account.owner(at)?;
        let position = account.table(owner).position(field).ok_or(HandError::Unknown)?;
        let mut field = account.table(owner).fields()[position].clone();
        field.lock = false;
        account.redefine(owner, position, field);
        Ok(())
    }

    /// Removes a field with its values.
    ///
    /// # Errors
    /// When there is no such field or it is locked.
    pub fn remove_field(&self, at: At<'_>, field: &str) -> Result<(), HandError> {
        let mut account = self.account_to_change();
        let (owner, position) = account.field_of(at, field)?;
        account.drop_field(owner, position);
        Ok(())
    }

    /// Gives a field another name; its values stay.
    ///
    /// # Errors
    /// When there is no such field or it is locked.
    pub fn rename_field(&self, at: At<'_>, field: &str, name: &str) -> Result<(), HandError> {
        let mut account = self.account_to_change();
        let (owner, position) = account.field_of(at, field)?;
        let mut field = account.table(owner).fields()[position].clone();
        field.rename(name);
        account.redefine(owner, position, field);
        Ok(())
    }

    /// Gives a field another type and, when given, length; its values are converted.
    ///
    /// # Errors
    /// When there is no such field or type, or the field is locked.
    pub fn change_field(
        &self,
        at: At<'_>,
        field: &str,
        kind: &str,
        length: Option<u32>,
    ) -> Result<(), HandError> {
        let mut account = self.account_to_change();
        let (owner, position) = account.field_of(at, field)?;
        let mut field = account.table(owner).fields()[position].clone();
        field.kind = Kind::named(kind).ok_or(HandError::UnknownType)?;
        field.length = length.unwrap_or(field.length);
        account.redefine(owner, position, field);
        Ok(())
    }

    /// Deletes a collection with its subprofiles, or a database with everything in it.
    ///
    /// # Errors
    /// When there is no such collection or database.
    pub fn delete(&self, at: At<'_>) -> Result<(), HandError> {
        let mut account = self.account_to_change();
        match account.owner(at)? {
            Owner::Database(place) => {
                let id = account.databases.remove(place).id;
                account.collections.retain(|collection| collection.database != id);
            }
            Owner::Collection(place) => {
                account.collections.remove(place);
            }
        }
        Ok(())
    }

    /// Sets the restrictions of a database or collection; rows that exist keep their values.
    ///
    /// # Errors
    /// When there is no such collection or database.
    pub fn set_restrictions(&self, at: At<'_>, restrictions: Vec<Restriction>) -> Result<(), HandError> {
        let mut account = self.account_to_change();
        let owner = account.owner(at)?;
        account.rules_mut(owner).restrictions = restrictions;
        Ok(())
    }

    /// Adds a restriction to those of a database or collection.
    ///
    /// # Errors
    /// When there is no such collection or database.
    pub fn add_restriction(&self, at: At<'_>, restriction: Restriction) -> Result<(), HandError> {
        let mut account = self.account_to_change();
        let owner = account.owner(at)?;
        account.rules_mut(owner).restrictions.push(restriction);
        Ok(())
    }

    /// Sets what a delete does in a database or collection.
    ///
    /// # Errors
    /// When there is no such collection or database.
    pub fn set_removal(&self, at: At<'_>, removal: Removal) -> Result<(), HandError> {
        let mut account = self.account_to_change();
        let owner = account.owner(at)?;
        account.rules_mut(owner).removal = removal;
        Ok(())
    }
}
