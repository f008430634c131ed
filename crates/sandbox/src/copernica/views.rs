//! Selections and miniselections: saved queries over profiles and subprofiles (copernica.md §9.1).
//!
//! A selection is *built*: it holds the rows that fitted when it was last built. Building is done at once, when a
//! call asks for it and whenever a rule changes; the real account builds in the background.

use super::account::{Account, Space};
use super::call::Refusal;
use super::field::Kind;
use super::out::Out;
use super::state::{Condition, Rule, View};
use super::structure::{Owner, text_of, write_intentions};
use super::table::{Row, Table, same_text};
use super::wire::Json;

impl Rule {
    /// Takes over what the members of a body say; members left out stay.
    pub(crate) fn define(&mut self, body: &Json<'_>) {
        if let Some(name) = text_of(body, "name") {
            self.name = name;
        }
        // The reference has both spellings (copernica.md §13).
        for name in ["inversed", "inverted"] {
            if let Some(inverted) = body.member(name) {
                self.inverted = inverted.truth();
            }
        }
        if let Some(disabled) = body.member("disabled") {
            self.disabled = disabled.truth();
        }
    }

    /// Writes the rule with its conditions.
    pub(crate) fn write(&self, out: &mut Out, view: u32) {
        out.open(b'{').key("ID").digits(u64::from(self.id));
        out.key("name").text(&self.name);
        out.key("view").digits(u64::from(view));
        out.key("inverted").truth(self.inverted);
        out.key("disabled").truth(self.disabled);
        out.key("conditions");
        out.whole_list(1000, &self.conditions, |out, condition| condition.write(out));
        out.close(b'}');
    }

    fn fits(&self, table: &Table, row: &Row) -> bool {
        let is_met = self.conditions.is_empty() || self.conditions.iter().any(|each| each.fits(table, row));
        self.disabled || is_met != self.inverted
    }
}

impl Condition {
    /// Takes over what the members of a body say; members left out stay.
    ///
    /// # Errors
    /// When it is a regular expression: none is run here, and one that never fits would pass unseen.
    pub(crate) fn define(&mut self, body: &Json<'_>) -> Result<(), Refusal> {
        if text_of(body, "comparison").as_deref() == Some("regexp") {
            return Err(Refusal::new("Regular expressions are not simulated"));
        }
        for (name, place) in [
            ("type", &mut self.kind),
            ("comparison", &mut self.comparison),
            ("field", &mut self.field),
            ("value", &mut self.value),
            ("other-field", &mut self.other_field),
        ] {
            if let Some(text) = text_of(body, name) {
                *place = text;
            }
        }
        if let Some(numeric) = body.member("numeric-comparison") {
            self.is_numeric = numeric.truth();
        }
        if self.kind.is_empty() {
            "field".clone_into(&mut self.kind);
        }
        Ok(())
    }

    fn write(&self, out: &mut Out) {
        out.open(b'{').key("ID").digits(u64::from(self.id));
        out.key("type").text(&self.kind);
        out.key("comparison").text(&self.comparison);
        out.key("field").text(&self.field);
        out.key("value").text(&self.value);
        out.key("other-field").text(&self.other_field);
        out.key("numeric-comparison").truth(self.is_numeric).close(b'}');
    }

    fn fits(&self, table: &Table, row: &Row) -> bool {
        if self.kind != "field" {
            return true;
        }
        let Some(position) = table.position_of(&self.field, true) else {
            return false;
        };
        let held = table.value(row, position);
        let wanted = match table.position_of(&self.other_field, true) {
            Some(other) if !self.other_field.is_empty() => table.value(row, other).into_owned(),
            _ => self.value.clone(),
        };
        let kind = table.fields()[position].kind;
        let number = |text: &str| super::field::float(&Json::Text(text.into()));
        let is_numeric = self.is_numeric || kind.is_whole() || kind == Kind::Float;
        let order = if is_numeric {
            number(&held).total_cmp(&number(&wanted))
        } else {
            super::filter::compare_text(&held, &wanted)
        };
        let contains = || held.to_lowercase().contains(&wanted.to_lowercase());
        match self.comparison.replace(['_', '-'], " ").as_str() {
            "equals" => order.is_eq(),
            "not equals" => order.is_ne(),
            "contains" => contains(),
            "not contains" => !contains(),
            "less" => order.is_lt(),
            "more" => order.is_gt(),
            "is email" => held.contains('@'),
            "is numeric" => held.parse::<f64>().is_ok(),
            _ => false,
        }
    }
}

impl Account {
    /// Gives the place of the database or collection that a selection is about.
    pub(crate) fn owner_of_view(&self, view: &View) -> Option<Owner> {
        if view.collection > 0 {
            return self.collection_at(view.collection).map(Owner::Collection);
        }
        let place = self
            .databases
            .iter()
            .position(|database| database.id == view.database);
        place.map(Owner::Database)
    }

    /// Builds a selection anew: which rows fit now.
    pub(crate) fn build_view(&mut self, space: Space, place: usize) {
        let view = &self.views[space as usize][place];
        let Some(owner) = self.owner_of_view(view) else {
            return;
        };
        let rows = match space {
            Space::Profiles => &self.profiles,
            Space::Subprofiles => &self.subprofiles,
        };
        let table = self.table(owner);
        let parent = self.views[space as usize]
            .iter()
            .find(|other| view.parent > 0 && other.id == view.parent);
        let candidates = parent.map_or(table.ids.as_slice(), |parent| parent.ids.as_slice());
        let fits = |id: &u32| {
            let row = rows.get(*id).filter(|row| row.removed == 0);
            row.is_some_and(|row| view.rules.iter().all(|rule| rule.fits(table, row)))
        };
        let ids: Vec<u32> = candidates.iter().copied().filter(fits).collect();
        let now = self.now();
        let view = &mut self.views[space as usize][place];
        view.ids = ids;
        view.last_built = now;
    }

    /// Writes a selection as its GET shows it.
    pub(crate) fn write_view(&self, out: &mut Out, space: Space, view: &View) {
        let (parent_type, parent_id) = match (space, view.parent) {
            (Space::Profiles, 0) => ("database", view.database),
            (Space::Profiles, parent) => ("view", parent),
            (Space::Subprofiles, _) => ("collection", view.collection),
        };
        out.open(b'{').key("ID").digits(u64::from(view.id));
        out.key("name").text(&view.name);
        out.key("description").text(&view.description);
        out.key("parent-type").text(parent_type);
        out.key("parent-id").digits(u64::from(parent_id));
        let has_children = self.views[space as usize]
            .iter()
            .any(|other| other.parent == view.id);
        out.key("has-children").truth(has_children);
        out.key("has-referred").truth(false);
        out.key("has-rules").truth(!view.rules.is_empty());
        out.key("database").digits(u64::from(view.database));
        out.key("last-built");
        match view.last_built {
            0 => out.truth(false),
            at => out.text(&self.clock.stamp(at)),
        };
        write_intentions(out, view.intentions);
        out.key("archived").truth(view.archived).close(b'}');
    }

    /// Says whether the parent of new selections has one of this name already.
    pub(crate) fn has_view(&self, space: Space, parent: (u32, u32, u32), name: &str) -> bool {
        self.views[space as usize].iter().any(|view| {
            (view.database, view.collection, view.parent) == parent && same_text(&view.name, name)
        })
    }
}
