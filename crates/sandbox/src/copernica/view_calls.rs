//! The calls about selections, their rules and conditions (copernica.md §9.1).

use super::account::{Account, Space, id_of};
use super::call::{Call, Refusal, Reply, Verb};
use super::out::Out;
use super::profiles::Show;
use super::state::{Condition, Rule, View};
use super::structure::{list, text_of};
use super::wire::Json;

/// Where new selections hang: database, collection or 0, parent selection or 0.
type Parent = (u32, u32, u32);

impl Account {
    /// Answers `GET …/views` and `POST …/views`, and the same of miniviews.
    ///
    /// # Errors
    /// For another verb, or a name that is missing or taken.
    pub(crate) fn views_call(&mut self, space: Space, parent: Parent, call: &Call) -> Result<Reply, Refusal> {
        if call.verb == Verb::Get {
            let of_parent = |view: &&View| (view.database, view.collection, view.parent) == parent;
            let views: Vec<&View> = self.views[space as usize].iter().filter(of_parent).collect();
            return Ok(list(call, &views, |out, view| self.write_view(out, space, view)));
        }
        if !call.verb.is_write() {
            return Err(Refusal::invalid_method());
        }
        let body = call.json()?;
        let name = text_of(&body, "name").unwrap_or_default();
        if name.is_empty() || self.has_view(space, parent, &name) {
            return Err(Refusal::new("Failed to create view"));
        }
        let view = View {
            id: 0,
            name,
            description: text_of(&body, "description").unwrap_or_default(),
            archived: false,
            database: parent.0,
            collection: parent.1,
            parent: parent.2,
            last_built: 0,
            intentions: [false; 4],
            rules: Vec::new(),
            ids: Vec::new(),
        };
        Ok(self.add_view(space, view))
    }

    fn add_view(&mut self, space: Space, mut view: View) -> Reply {
        self.last_view += 1;
        view.id = self.last_view;
        self.views[space as usize].push(view);
        self.build_view(space, self.views[space as usize].len() - 1);
        Reply::Created {
            entity: noun(space),
            id: u64::from(self.last_view),
        }
    }

    /// Answers the calls on `view/{id}` and `miniview/{id}`.
    ///
    /// # Errors
    /// For an unknown id, or a verb or path that is not known.
    pub(crate) fn view_call(&mut self, space: Space, call: &Call) -> Result<Reply, Refusal> {
        let id = id_of(call.segment(1)).unwrap_or(0);
        let place = self.views[space as usize].iter().position(|view| view.id == id);
        let place = place.ok_or(match space {
            Space::Profiles => Refusal::new("No view with supplied ID"),
            Space::Subprofiles => Refusal::new("No miniview with supplied ID"),
        })?;
        let is_main = space == Space::Profiles;
        let view = &self.views[space as usize][place];
        let parent = (view.database, view.collection, view.id);
        match (call.segment(2), call.verb) {
            ("", Verb::Get) => {
                let mut out = Out::default();
                self.write_view(&mut out, space, view);
                Ok(Reply::Json(out.finish()))
            }
            ("", Verb::Put | Verb::Post) => self.put_view(space, place, call),
            ("", Verb::Delete) => {
                self.views[space as usize].retain(|view| view.id != id && view.parent != id);
                Ok(Reply::Deleted(Some((noun(space), u64::from(id)))))
            }
            ("views", _) if is_main => self.views_call(space, parent, call),
            ("copy", Verb::Post | Verb::Put) => self.copy_view(space, place, call),
            ("rebuild", Verb::Post | Verb::Put) => {
                self.build_view(space, place);
                Ok(Reply::PutMany)
            }
            ("intentions", Verb::Put | Verb::Post) => self.view_intentions(space, place, call),
            ("rules", _) if is_main => self.rules_call(space, place, call),
            ("minirules", _) if !is_main => self.rules_call(space, place, call),
            ("rule", Verb::Get) if is_main => self.get_rule(space, call.segment(3)),
            ("profiles", Verb::Get) if is_main => self.list_view(space, place, call, Show::Objects),
            ("profileids", Verb::Get) if is_main => self.list_view(space, place, call, Show::Ids),
            // The page of miniviews prints the singular: a slip.
            ("subprofiles", Verb::Get) if !is_main => self.list_view(space, place, call, Show::Objects),
            ("subprofileids", Verb::Get) if !is_main => self.list_view(space, place, call, Show::Ids),
            _ => Err(Refusal::invalid_method()),
        }
    }

    fn list_view(&mut self, space: Space, place: usize, call: &Call, show: Show) -> Result<Reply, Refusal> {
        let view = &self.views[space as usize][place];
        let (ids, database, collection) = (view.ids.clone(), view.database, view.collection);
        match space {
            Space::Profiles => {
                let at = self.databases.iter().position(|each| each.id == database);
                let at = at.ok_or(Refusal::new("No view with supplied ID"))?;
                Ok(self.list_profiles(at, Some(&ids), call, show))
            }
            Space::Subprofiles => {
                let at = self
                    .collection_at(collection)
                    .ok_or(Refusal::new("No miniview with supplied ID"))?;
                Ok(self.list_subprofiles(at, Some(&ids), call, show))
            }
        }
    }

    fn put_view(&mut self, space: Space, place: usize, call: &Call) -> Result<Reply, Refusal> {
        let body = call.json()?;
        let view = &mut self.views[space as usize][place];
        for (member, old) in [("name", &mut view.name), ("description", &mut view.description)] {
            if let Some(text) = text_of(&body, member) {
                *old = text;
            }
        }
        if let Some(archived) = body.member("archived") {
            view.archived = archived.truth();
        }
        Ok(Reply::Put)
    }

    fn copy_view(&mut self, space: Space, place: usize, call: &Call) -> Result<Reply, Refusal> {
        let body = call.json()?;
        let mut view = self.views[space as usize][place].clone();
        view.name = text_of(&body, "name").unwrap_or_else(|| format!("{} copy", view.name));
        for rule in &mut view.rules {
            self.last_rule += 1;
            rule.id = self.last_rule;
            for condition in &mut rule.conditions {
                self.last_rule += 1;
                condition.id = self.last_rule;
            }
        }
        Ok(self.add_view(space, view))
    }

    fn view_intentions(&mut self, space: Space, place: usize, call: &Call) -> Result<Reply, Refusal> {
        let body = call.json()?;
        let view = &self.views[space as usize][place];
        if let Some(owner) = self.owner_of_view(view) {
            let intentions = self.intended(owner, view.intentions, &body);
            self.views[space as usize][place].intentions = intentions;
        }
        Ok(Reply::Put)
    }

    fn rules_call(&mut self, space: Space, place: usize, call: &Call) -> Result<Reply, Refusal> {
        let view = &self.views[space as usize][place];
        if call.verb == Verb::Get {
            return Ok(list(call, &view.rules, |out, rule| rule.write(out, view.id)));
        }
        if !call.verb.is_write() {
            return Err(Refusal::invalid_method());
        }
        let mut rule = Rule::default();
        rule.define(&call.json()?);
        self.last_rule += 1;
        rule.id = self.last_rule;
        self.views[space as usize][place].rules.push(rule);
        self.build_view(space, place);
        Ok(Reply::Created {
            entity: if space == Space::Profiles {
                "rule"
            } else {
                "minirule"
            },
            id: u64::from(self.last_rule),
        })
    }

    fn get_rule(&self, space: Space, id: &str) -> Result<Reply, Refusal> {
        let id = id_of(id).unwrap_or(0);
        let mut rules = self.views[space as usize]
            .iter()
            .flat_map(|view| view.rules.iter().map(move |rule| (view.id, rule)));
        let found = rules.find(|(_, rule)| rule.id == id);
        let (view, rule) = found.ok_or(Refusal::new("No rule with supplied ID"))?;
        let mut out = Out::default();
        rule.write(&mut out, view);
        Ok(Reply::Json(out.finish()))
    }

    /// Answers the calls on `rule/{id}` and `minirule/{id}`.
    ///
    /// # Errors
    /// For an unknown id, or a verb or path that is not known.
    pub(crate) fn rule_call(&mut self, space: Space, call: &Call) -> Result<Reply, Refusal> {
        let id = id_of(call.segment(1)).unwrap_or(0);
        let views = &self.views[space as usize];
        let place = views
            .iter()
            .position(|view| view.rules.iter().any(|rule| rule.id == id));
        let place = place.ok_or(Refusal::new("No rule with supplied ID"))?;
        let rules = &mut self.views[space as usize][place].rules;
        let at = rules.iter().position(|rule| rule.id == id).unwrap_or(0);
        let reply = match (call.segment(2), call.verb) {
            ("", Verb::Get) => return self.get_rule(space, call.segment(1)),
            ("", Verb::Put | Verb::Post) => {
                rules[at].define(&call.json()?);
                Reply::Put
            }
            ("", Verb::Delete) => {
                rules.remove(at);
                Reply::Deleted(Some(("rule", u64::from(id))))
            }
            ("conditions", Verb::Post | Verb::Put) => {
                let mut condition = Condition::default();
                condition.define(&call.json()?)?;
                self.last_rule += 1;
                condition.id = self.last_rule;
                rules[at].conditions.push(condition);
                Reply::Created {
                    entity: "condition",
                    id: u64::from(self.last_rule),
                }
            }
            _ => return Err(Refusal::invalid_method()),
        };
        self.build_view(space, place);
        Ok(reply)
    }

    /// Answers the calls on `condition/{type}/{id}` and `minicondition/{type}/{id}`.
    ///
    /// # Errors
    /// For an unknown id or another verb.
    pub(crate) fn condition_call(&mut self, space: Space, call: &Call) -> Result<Reply, Refusal> {
        if call.segments.len() < 3 {
            return Err(Refusal::missing(call.segments.len()));
        }
        let id = id_of(call.segment(2)).unwrap_or(0);
        let has = |condition: &Condition| condition.id == id && condition.kind == call.segment(1);
        let place = self.views[space as usize]
            .iter()
            .position(|view| view.rules.iter().any(|rule| rule.conditions.iter().any(has)));
        let place = place.ok_or(Refusal::new("No condition with supplied ID"))?;
        let rules = &mut self.views[space as usize][place].rules;
        let conditions = rules.iter_mut().map(|rule| &mut rule.conditions);
        let reply = match call.verb {
            Verb::Put | Verb::Post => {
                let body: Json<'_> = call.json()?;
                for condition in conditions.flatten().filter(|condition| has(condition)) {
                    condition.define(&body)?;
                }
                Reply::Put
            }
            Verb::Delete => {
                conditions.for_each(|conditions| conditions.retain(|condition| !has(condition)));
                Reply::Deleted(Some(("condition", u64::from(id))))
            }
            _ => return Err(Refusal::invalid_method()),
        };
        self.build_view(space, place);
        Ok(reply)
    }
}

fn noun(space: Space) -> &'static str {
    match space {
        Space::Profiles => "view",
        Space::Subprofiles => "miniview",
    }
}
