//! Whose names are whose, and what a store must honour for that.

use super::*;

#[test]
fn a_store_that_overwrites_is_refused() {
    run(async {
        let shared = Arc::new(Shared::default());
        let machine = Machine::new(&shared, None);
        machine.bucket().probe("heads/a/probe-1").await.expect("it honours the condition");
        assert_eq!(machine.store.keys().await, Vec::<String>::new(), "nothing is left of the probe");
        shared.overwrites.store(true, SeqCst);
        let error = machine.bucket().probe("heads/a/probe-1").await.expect_err("it does not");
        assert!(matches!(error, FleetError::Overwrites { .. }), "{error}");
        assert!(error.to_string().contains("If-None-Match"));
    });
}

#[test]
fn machines_of_one_given_name_do_not_overwrite_each_other() {
    run(async {
        let shared = Arc::new(Shared::default());
        let (mut a, mut b) = (Machine::new(&shared, Some("web-1")), Machine::new(&shared, Some("web-1")));
        a.local.see("web", "a");
        b.local.see("web", "b");
        a.publish().await.expect("the name is free");
        for _ in 0..2 {
            let error = b.publish().await.expect_err("the name is taken");
            assert!(matches!(error, FleetError::NameTaken { .. }), "{error}");
        }
        assert_eq!(b.run.counters.values().conflicts, 1, "it is counted once");
        a.local.see("web", "c");
        a.publish().await.expect("the name is still its own");
        assert_eq!(a.run.counters.values().conflicts, 0);
    });
}

#[test]
fn a_cloned_machine_takes_a_name_of_its_own() {
    run(async {
        let shared = Arc::new(Shared::default());
        let mut a = Machine::new(&shared, None);
        a.local.see("web", "a");
        a.publish().await.expect("a head");
        let mut b = Machine::clone_of(&a);
        b.local.see("web", "b");
        b.publish().await.expect("it goes on where the disk was");
        a.local.see("web", "c");
        let said = a.publish().await.expect("it takes another name").expect("and says so");
        assert!(said.contains("cloned"), "{said}");
        for machine in [&mut a, &mut b] {
            machine.publish().await.expect("each has its own");
        }
        for machine in [&mut a, &mut b] {
            machine.round().await;
            let view = machine.local.view("web");
            assert_eq!(view.keys().collect::<Vec<_>>(), ["a", "b", "c"]);
        }
        assert_eq!(a.run.counters.values().conflicts + b.run.counters.values().conflicts, 1);
    });
}

#[test]
fn clones_of_a_named_machine_are_told_apart() {
    run(async {
        let shared = Arc::new(Shared::default());
        let mut a = Machine::new(&shared, Some("web-1"));
        a.local.see("web", "a");
        a.publish().await.expect("a head");
        let mut b = Machine::clone_of(&a);
        b.local.see("web", "b");
        b.publish().await.expect("nobody can know yet");
        a.local.see("web", "c");
        a.publish().await.expect_err("now it is known");
        for _ in 0..3 {
            b.local.see("web", "b");
            b.publish().await.expect("the one that was faster keeps the name");
            a.publish().await.expect_err("the other publishes nothing");
        }
    });
}

#[test]
fn a_machine_that_is_forgotten_is_gone_everywhere_and_its_name_is_free() {
    let shared = Arc::new(Shared::default());
    let (mut a, mut b) = (Machine::new(&shared, Some("web-1")), Machine::new(&shared, None));
    a.local.see("web", "a");
    run(a.publish()).expect("a head");
    run(b.round());
    assert_eq!(b.local.view("web").len(), 1);
    forget(a.store.place(), "default", "nobody").expect_err("there is none");
    forget(a.store.place(), "default", "../x").expect_err("that is no name");
    assert_eq!(forget(a.store.place(), "default", "web-1").expect("it is there"), 3);
    run(b.round());
    b.local.take_elsewhere("web", fold([], TERMS));
    assert_eq!((b.run.index.workloads().len(), b.local.view("web").len()), (0, 0));
    let mut c = Machine::new(&shared, Some("web-1"));
    c.local.see("web", "c");
    run(c.publish()).expect("the name is free");
    run(b.round());
    assert_eq!(b.local.view("web").keys().collect::<Vec<_>>(), ["c"]);
}

#[test]
fn organisations_do_not_share() {
    run(async {
        let shared = Arc::new(Shared::default());
        let store = Faulty::new(&shared);
        let bucket = |org| Bucket::new(store.place(), org, Arc::default());
        assert_eq!(bucket("a").create("heads/x/1", b"1").await.expect("memory"), Created::New);
        assert_eq!(bucket("a").list("heads", 10).await.expect("memory").len(), 1);
        assert_eq!(bucket("b").list("heads", 10).await.expect("memory").len(), 0);
    });
}
