//! The numbers of persons that stand in an account: said by `check` and `setup`, decided on by `setup --adopt`.

use schakel_connectors::copernica::Copernica;
use schakel_core::connector::{CheckLine, ConnectorError, Cx, Sink};
use schakel_core::delivery::ObjectKind;
use schakel_core::health::Ailment;
use schakel_engine::apply;
use schakel_engine::deliver::guard::{self, Adopted, LookError, Place, Strange};
use schakel_engine::deliver::moved::{self, Moving};
use schakel_store::Store;

use crate::error::{Failure, Side};
use crate::wiring::TENANT;

/// What the line of a report is about.
const SUBJECT: &str = "RelationIDs: ours";

/// What can be done about strange numbers.
const WAYS: &str = "Ways out: put the database of this hub back from its newest copy; or let `database` name a new database in Copernica, which setup creates; or `schakel setup --adopt` (docs/errors/SCH-0506.md)";

/// Says whether the account `name` holds RelationIDs that `store` did not give; `None` while it holds nothing of ours.
///
/// # Errors
/// When the account or the store fails.
pub(super) async fn line(
    store: &Store,
    name: &str,
    sink: &Copernica,
    cx: &Cx,
) -> Result<Option<CheckLine>, Failure> {
    let failed = |error| Failure::of_call(name, Side::Sink, error);
    match sink.connect(cx).await {
        Ok(()) => {}
        Err(ConnectorError::Structure(_)) => return Ok(None),
        Err(error) => return Err(failed(error)),
    }
    let place = place(store, name).await?;
    let found = match guard::look(&place, sink, cx).await {
        Err(LookError::Sink(error @ ConnectorError::Moved(_))) => return Ok(Some(moved_line(&error))),
        looked => looked.map_err(|error| of_look(name, error))?,
    };
    let note = match found {
        None => String::new(),
        Some(strange) => match former_name(store, name, strange).await? {
            Some(former) => format!("{}. {}", ConnectorError::from(strange), renamed(&former)),
            None => format!("{}. {WAYS}", ConnectorError::from(strange)),
        },
    };
    Ok(Some(CheckLine {
        subject: SUBJECT.to_owned(),
        is_required: true,
        is_tested: true,
        is_granted: found.is_none(),
        note,
    }))
}

/// The line about an account or database that is not the one that was filled.
fn moved_line(error: &ConnectorError) -> CheckLine {
    CheckLine {
        subject: "place: the one that was filled".to_owned(),
        is_required: true,
        is_tested: true,
        is_granted: false,
        note: format!("{error}. Way out: {}", Failure::hint_of(Ailment::Moved)),
    }
}

/// Lets everything be delivered anew into the place that the account `name` is now; says what became of it.
///
/// # Errors
/// `SCH-0201` or `SCH-0507` when a hub works on the database, `SCH-0507` when persons stand there; those of [`line`].
pub(super) async fn start_anew(
    store: &Store,
    name: &str,
    sink: &Copernica,
    cx: &Cx,
) -> Result<String, Failure> {
    sink.connect(cx)
        .await
        .map_err(|error| Failure::of_call(name, Side::Sink, error))?;
    // A hub that was started with the former configuration would go on delivering there.
    if apply::is_served(store, TENANT).await? {
        let text = "a hub works on this database: what it delivers meanwhile would count for the new place";
        return Err(Failure::new("SCH-0507", text).hint("stop it, run this again, and start it"));
    }
    let _lock = store.lock()?;
    let place = place(store, name).await?;
    let moving = moved::start_anew(&place, sink, cx).await;
    match moving.map_err(|error| of_look(name, error))? {
        Moving::Nothing => Ok("moved: nothing, this is the place that was filled".to_owned()),
        Moving::Anew { from, to } => Ok(format!(
            "moved: everything is delivered anew into {to} when the hub runs. What stands in {from} stays as it is, and is \
             not kept up to date any more"
        )),
        Moving::Taken(highest) => {
            let text = format!(
                "nothing can be delivered anew into \"{name}\": profiles with RelationIDs up to {highest} stand there, and each \
                 number would overwrite another person"
            );
            let hint = "let `database` name an empty or a new database in Copernica; setup creates it";
            Err(Failure::new("SCH-0507", text).hint(hint))
        }
    }
}

/// Gives the name under which this database wrote the numbers that stand there, when that is another than `name`.
async fn former_name(store: &Store, name: &str, strange: Strange) -> Result<Option<String>, Failure> {
    for row in store.connections(TENANT).await? {
        if row.name == name {
            continue;
        }
        let kind = ObjectKind::Relation;
        if store.highest_tried(TENANT, row.id, kind).await? >= strange.highest {
            return Ok(Some(row.name));
        }
    }
    Ok(None)
}

/// Says what to do about a connection that was called otherwise before.
fn renamed(former: &str) -> String {
    format!(
        "This database wrote them under the name \"{former}\", and a new name is a new connection: give this connection \
         that name again, in its section and in its routes, and everything goes on"
    )
}

/// Lets the numbers of `store` go on above those in the account `name`; says what became of it.
///
/// # Errors
/// `SCH-0506` when numbers were given already that stand there; those of [`line`].
pub(super) async fn adopt(store: &Store, name: &str, sink: &Copernica, cx: &Cx) -> Result<String, Failure> {
    sink.connect(cx)
        .await
        .map_err(|error| Failure::of_call(name, Side::Sink, error))?;
    let place = place(store, name).await?;
    let adopted = guard::adopt(&place, sink, cx).await;
    match adopted.map_err(|error| of_look(name, error))? {
        Adopted::Nothing => Ok("adopted: nothing, no strange RelationIDs stand there".to_owned()),
        Adopted::Above(strange) => Ok(done(strange)),
        Adopted::TooLate(strange) => {
            let failure = too_late(name, strange);
            let former = former_name(store, name, strange).await?;
            Err(match former {
                Some(former) => failure.hint(renamed(&former)),
                None => failure,
            })
        }
    }
}

fn done(Strange { highest, known, .. }: Strange) -> String {
    format!(
        "adopted: new persons get RelationIDs above {highest}. Profiles with a RelationID from {} to {highest} stay as they are: \
         this hub never writes to them, and everybody of the shop who is not known below gets a new profile beside the old \
         one, with all orders. Leave the old ones out of selections, or remove them in Copernica, before the next mailing",
        known + 1
    )
}

fn too_late(
    name: &str,
    Strange {
        highest,
        known,
        taken,
        ..
    }: Strange,
) -> Failure {
    let text = format!(
        "the RelationIDs of \"{name}\" cannot be adopted: this database gave numbers from {} to {taken} to persons already, and \
         profiles up to {highest} stand there",
        known + 1
    );
    let hint = "use an empty database in Copernica; or, where this hub never delivered anything, stop it, move its folder of \
                data away but for `hub.key`, run `schakel setup --adopt` and start it: it reads the shop anew";
    Failure::new("SCH-0506", text).hint(hint)
}

/// Names the sink `name` as the database knows it.
///
/// # Errors
/// When the store fails.
pub(super) async fn place<'a>(store: &'a Store, name: &'a str) -> Result<Place<'a>, Failure> {
    let rows = store.connections(TENANT).await?;
    let id = rows.iter().find(|row| row.name == name).map(|row| row.id);
    Ok(Place {
        store,
        tenant: TENANT,
        name,
        id,
    })
}

/// Makes the failure of a look into the account `name`.
pub(super) fn of_look(name: &str, error: LookError) -> Failure {
    match error {
        LookError::Store(error) => error.into(),
        LookError::Sink(error) => Failure::of_call(name, Side::Sink, error),
    }
}
