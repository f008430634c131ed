//! Saving the account and bringing it back.

use schakel_sandbox::copernica::LoadError;
use schakel_sandbox::keep::DataFile;

use super::*;

fn load(world: &World, bytes: &[u8]) -> Result<Simulator, LoadError> {
    Simulator::load(
        Options::default(),
        Arc::new(world.clock.clone()),
        99,
        &mut &bytes[..],
    )
}

#[tokio::test]
async fn everything_that_a_call_sees_comes_back() {
    let world = World::new().await;
    world
        .post("database/1/interests", json!({"name": "news"}))
        .await
        .created();
    let body = json!({"fields": {"LastName": "Müller", "Score": 6}, "interests": ["news"]});
    let id = world.post("database/1/profiles", body).await.created();
    let gone = world.profile(json!({})).await;
    world.order(id, json!({"order_id": 1})).await;
    world.delete(&format!("profile/{gone}")).await;
    world.put(&format!("profile/{id}"), json!({"secret": "s"})).await;
    world
        .post("database/1/views", json!({"name": "All"}))
        .await
        .created();
    let hook = json!({"handler": "http://127.0.0.1:1/", "trigger": "create"});
    world.post("webhooks", hook).await.created();
    let rules = vec![Restriction::Unique(vec!["Email".to_owned()])];
    world
        .simulator
        .set_restrictions(At::Database("shop"), rules)
        .expect("there is a shop");
    let late = "database/1/profiles?fields[]=CustomerId==7&create=1&async=1";
    world.put(late, json!({"fields": {"CustomerId": 7}})).await;
    let mut bytes = Vec::new();
    world.simulator.save(&mut bytes).expect("memory takes everything");
    let mut other = World {
        simulator: load(&world, &bytes).expect("it was just saved"),
        clock: world.clock.clone(),
        bearer: String::new(),
    };
    other.bearer = other.log_in("sandbox-token").await;
    for path in [
        "databases",
        "database/1/profiles",
        "database/1/fields",
        "profile/1",
        "profile/2",
        "profile/1/subprofiles/1",
        "collection/1/subprofiles",
        "view/1/profileids",
        "webhook/1",
    ] {
        assert_eq!(
            other.get(path).await.json(),
            world.get(path).await.json(),
            "{path}"
        );
    }
    assert_eq!(other.simulator.counts().waiting, 1);
    other.pass_seconds(1);
    assert_eq!(other.listed("fields[]=CustomerId==7").await, [3]);
    // New rows get new ids, and restrictions hold.
    assert_eq!(other.profile(json!({"Email": "a@example.org"})).await, 4);
    let double = json!({"fields": {"Email": "a@example.org"}});
    let answer = other.post("database/1/profiles", double).await;
    assert_eq!(answer.message(), "Failed to create profile");
}

#[tokio::test]
async fn what_is_no_account_is_refused() {
    let world = World::new().await;
    let mut bytes = Vec::new();
    world.simulator.save(&mut bytes).expect("memory takes everything");
    assert!(matches!(
        load(&world, b"something else that is long enough for a head"),
        Err(LoadError::Foreign)
    ));
    assert!(load(&world, &bytes[..bytes.len() - 3]).is_err());
    assert!(load(&world, b"").is_err());
}

#[tokio::test]
async fn a_file_is_replaced_whole() {
    let folder = std::env::temp_dir().join(format!("schakel-sandbox-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder for the test");
    let file = DataFile::at(folder.join("account"));
    assert!(file.open().expect("no file is no error").is_none());
    let world = World::new().await;
    file.replace(|into| world.simulator.save(into))
        .expect("the disk takes it");
    let refused = file.replace(|_| Err(std::io::Error::other("full")));
    assert!(refused.is_err());
    let mut from = file.open().expect("it can be read").expect("it is there");
    let again = Simulator::load(Options::default(), Arc::new(world.clock), 7, &mut from);
    let again = again.expect("the old state is whole");
    assert_eq!(again.counts().profiles, 0);
    std::fs::remove_dir_all(&folder).expect("it is ours");
}

#[tokio::test]
async fn one_seed_is_one_run() {
    let mut runs = Vec::new();
    for _ in 0..2 {
        let world = World::new().await;
        for score in 0..5 {
            world.profile(json!({"Score": score})).await;
        }
        world
            .simulator
            .set_faults(Faults::default().with(FaultKind::HtmlPage, 30.0));
        let mut seen = Vec::new();
        for _ in 0..20 {
            seen.push(world.get("database/1/profiles?orderby=random").await.body);
        }
        runs.push(seen);
    }
    assert_eq!(runs[0], runs[1]);
}
