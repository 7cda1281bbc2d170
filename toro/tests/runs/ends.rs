//! Every way that a run ends: the exit code is right, the token is gone, nobody is left behind, and one clear line is said.

use super::support::{Begun, Ended, Gateway, Home, children, is_alive, send, until};
use serde_json::json;

const NOTHING: fn() -> serde_json::Value = || json!({});

/// Where the gateway is while a run ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Away {
    Never,
    InTheMiddle,
    AtTheEnd,
}

const AWAY: [Away; 3] = [Away::Never, Away::InTheMiddle, Away::AtTheEnd];

/// Lines that are ours and no bill.
fn remarks(err: &str) -> Vec<&str> {
    err.lines().filter(|line| line.starts_with("toro: ")).collect()
}

/// What holds after every run whose gateway was `away`.
fn check_over(gateway: &mut Gateway, away: Away, begun: &Begun, err: &str) {
    until("nobody is left behind", || !is_alive(begun.pid));
    if away == Away::AtTheEnd {
        assert_eq!(remarks(err).len(), 1, "{err}");
        assert!(
            err.contains("the run's token could not be ended") && err.contains("ends by itself within 60 s"),
            "{err}"
        );
        gateway.up();
        gateway.clock.advance(61_000);
    } else {
        assert_eq!(remarks(err), Vec::<&str>::new(), "{err}");
    }
    assert!(!gateway.takes(&begun.key), "the token lives: {away:?}");
    assert!(!err.contains(&begun.key), "{err}");
}

/// A run of `script`, to whose end `end` leads, with the gateway away.
fn run(away: Away, script: &str, end: &dyn Fn(&Begun, &Home)) -> (Gateway, Begun, (Ended, String)) {
    let mut gateway = Gateway::start();
    let home = gateway.home("keymaster", &NOTHING());
    let mut begun = home.begin(&[], script);
    assert!(gateway.takes(&begun.key));
    match away {
        Away::Never => {}
        Away::InTheMiddle => {
            gateway.down();
            gateway.up();
            assert!(gateway.takes(&begun.key), "a restart ended the run's token");
        }
        Away::AtTheEnd => gateway.down(),
    }
    end(&begun, &home);
    let ended = begun.end();
    (gateway, begun, ended)
}

#[test]
fn the_agents_end_is_ours() {
    let ends: [(&str, Ended); 6] = [
        ("exit 0", Ended::Code(0)),
        ("exit 1", Ended::Code(1)),
        ("exit 42", Ended::Code(42)),
        ("kill -2 $$", Ended::Signal(2)),
        ("kill -9 $$", Ended::Signal(9)),
        ("kill -15 $$", Ended::Signal(15)),
    ];
    std::thread::scope(|scope| {
        for (script, expected) in ends {
            scope.spawn(move || {
                for away in AWAY {
                    let script = format!("while ! test -e go; do sleep 0.02; done; {script}");
                    let (mut gateway, begun, (ended, err)) =
                        run(away, &script, &|_, home| std::fs::write(home.work().join("go"), "").unwrap());
                    assert_eq!(ended, expected, "{script} {away:?}: {err}");
                    check_over(&mut gateway, away, &begun, &err);
                    if away != Away::AtTheEnd {
                        let view = gateway.runs().remove(0);
                        assert_eq!(view["end_reason"], "finished", "{view}");
                    }
                }
            });
        }
    });
}

#[test]
fn what_toro_is_sent_reaches_the_agent_first() {
    std::thread::scope(|scope| {
        for signal in [2, 15, 1] {
            scope.spawn(move || {
                for away in AWAY {
                    // The shell waits with `exec`, so that the signal meets a program that dies of it.
                    let (mut gateway, begun, (ended, err)) =
                        run(away, "exec sleep 600", &|begun, _| begun.signal(signal));
                    assert_eq!(ended, Ended::Signal(signal), "{away:?}: {err}");
                    check_over(&mut gateway, away, &begun, &err);
                }
            });
        }
    });
}

#[test]
fn an_agent_may_take_its_leave() {
    let script = "trap 'echo bye > bye; exit 7' TERM; touch ready; while :; do sleep 0.02; done";
    let (gateway, begun, (ended, err)) = run(Away::Never, script, &|begun, home| {
        until("it listens", || home.work().join("ready").exists());
        begun.signal(15);
    });
    assert_eq!(ended, Ended::Code(7), "{err}");
    assert!(!gateway.takes(&begun.key));
}

#[test]
fn an_agent_that_will_not_end_is_killed_with_all_that_it_started() {
    let script = "trap '' TERM; sleep 600 & echo $! > other; while :; do sleep 0.02; done";
    let (gateway, begun, (ended, err)) = run(Away::Never, script, &|begun, home| {
        until("it has a child", || home.work().join("other").exists());
        begun.signal(15);
        // Whoever asks twice does not want to wait.
        std::thread::sleep(std::time::Duration::from_millis(100));
        assert!(is_alive(begun.pid));
        begun.signal(15);
    });
    assert_eq!(ended, Ended::Signal(9), "{err}");
    assert!(!gateway.takes(&begun.key));
    until("nobody is left behind", || children(u32::try_from(begun.pid).unwrap()).is_empty());
}

#[test]
fn an_interrupt_that_the_agent_takes_for_its_own_ends_nothing() {
    let script = "trap 'echo x >> seen' INT; touch ready; while ! test -e go; do sleep 0.02; done; exit 3";
    let (gateway, begun, (ended, _)) = run(Away::Never, script, &|begun, home| {
        until("it listens", || home.work().join("ready").exists());
        begun.signal(2);
        until("it was told", || home.work().join("seen").exists());
        assert!(gateway_takes_later(begun));
        std::fs::write(home.work().join("go"), "").unwrap();
    });
    assert_eq!(ended, Ended::Code(3));
    assert!(!gateway.takes(&begun.key));
}

/// It goes on after the interrupt.
fn gateway_takes_later(begun: &Begun) -> bool {
    std::thread::sleep(std::time::Duration::from_millis(50));
    is_alive(begun.pid)
}

#[test]
fn a_killed_toro_leaves_nobody_behind() {
    std::thread::scope(|scope| {
        for away in AWAY {
            scope.spawn(move || {
                // It does not end at once either: the guard asks first, and then does not ask.
                let script = "sleep 600 & echo $! > other; exec sleep 600";
                let other = std::cell::Cell::new(0);
                let (mut gateway, begun, (ended, _)) = run(away, script, &|begun, home| {
                    until("it has a child", || home.work().join("other").exists());
                    let text = std::fs::read_to_string(home.work().join("other")).unwrap();
                    other.set(text.trim().parse().unwrap_or(0));
                    begun.signal(9);
                });
                assert_eq!(ended, Ended::Signal(9));
                until("nobody is left behind", || !is_alive(begun.pid) && (other.get() == 0 || !is_alive(other.get())));
                if away == Away::AtTheEnd {
                    gateway.up();
                    gateway.clock.advance(61_000);
                    assert!(!gateway.takes(&begun.key));
                } else {
                    until("the token is gone", || !gateway.takes(&begun.key));
                }
            });
        }
    });
}

#[test]
fn where_the_guard_is_killed_too_the_lease_ends_the_token() {
    let gateway = Gateway::start();
    let home = gateway.home("keymaster", &NOTHING());
    let mut begun = home.begin(&[], "exec sleep 600");
    let mut ours = Vec::new();
    until("toro has a guard", || {
        ours = children(begun.toro.id());
        ours.len() == 2
    });
    // Another one takes over where only the guard is killed.
    let guard = ours.into_iter().find(|pid| *pid != begun.pid).unwrap();
    send(guard, 9);
    let mut other = 0;
    until("there is another guard", || {
        other = children(begun.toro.id()).into_iter().find(|pid| *pid != begun.pid && *pid != guard).unwrap_or(0);
        other != 0
    });
    // The whole group, as when the machine runs out of memory.
    begun.signal(9);
    send(other, 9);
    assert_eq!(begun.end().0, Ended::Signal(9));
    assert!(gateway.takes(&begun.key));
    gateway.clock.advance(61_000);
    assert!(!gateway.takes(&begun.key));
    send(begun.pid, 9);
}

#[test]
fn no_run_begins_without_the_gateway() {
    let mut gateway = Gateway::start();
    let home = gateway.home("keymaster", &NOTHING());
    gateway.down();
    let said = home.run(&["wrap", "--", "sh", "-c", "touch begun"]);
    assert_eq!((said.ended, &*said.out), (Ended::Code(125), ""), "{}", said.err);
    assert_eq!(said.err.lines().count(), 1, "{}", said.err);
    assert!(said.err.contains("cannot be reached: nothing listens there. Is torod running?"), "{}", said.err);
    assert!(!home.work().join("begun").exists());
}

#[test]
fn a_run_that_cannot_be_started_leaves_no_token() {
    let gateway = Gateway::start();
    let home = gateway.home("keymaster", &NOTHING());
    super::support::write_program(&home.work(), "broken", "#!/no/such/interpreter\n");
    let said = home.run(&["wrap", "--", "./broken"]);
    assert_eq!(said.ended, Ended::Code(126), "{}", said.err);
    assert!(said.err.contains("interpreter"), "{}", said.err);
    assert!(gateway.runs().iter().all(|run| run["state"] == "revoked"), "{:?}", gateway.runs());
    assert_eq!(gateway.runs().len(), 1);
}

#[test]
fn a_token_that_is_revoked_meanwhile_is_said() {
    let gateway = Gateway::start();
    let home = gateway.home("keymaster", &NOTHING());
    let mut begun = home.begin(&["--lease", "15"], "while ! test -e go; do sleep 0.02; done");
    gateway.clock.advance(16_000);
    assert!(!gateway.takes(&begun.key));
    // The guard asks every five seconds.
    std::thread::sleep(std::time::Duration::from_secs(6));
    std::fs::write(home.work().join("go"), "").unwrap();
    let (ended, err) = begun.end();
    assert_eq!(ended, Ended::Code(0));
    assert!(err.contains("the run's token ended before the run did"), "{err}");
}
