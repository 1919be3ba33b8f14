//! What a plan means beyond what it says: what follows what, what is measured by itself, how long it holds.

#![allow(clippy::unwrap_used, clippy::panic, reason = "what a test cannot go on without ends it")]

use std::time::Duration;

use cutover::plan::model::{
    LinkKind, ProbeKind, Schedule, Section, Severity, Step, StepKind, Trap, Undo, WaitFor, Window,
};
use cutover::plan::{self, Environment, Level, Overrides, Plan, ProbeId, StepId, Style};

const HEADER: &str = r#"
[plan]
name     = "Orders"
strategy = "planned-downtime"
source   = "dc1"
target   = "cloud"
window   = { opens = "start", length = "4h" }

[endpoints.source]
sqlite = { path = "source.db" }

[endpoints.target]
sqlite = { path = "target.db" }
"#;

fn read(text: &str) -> Result<plan::Loaded, plan::Diagnostics> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("plan.toml");
    std::fs::write(&path, text).unwrap();
    plan::load(&path, &Overrides::default(), &Environment::default())
}

/// A plan of this body after the usual header.
fn plan(body: &str) -> Plan {
    read(&format!("{HEADER}{body}")).unwrap_or_else(|d| panic!("{}", d.render(Style::default()))).plan
}

fn phase(id: &str) -> String {
    format!("\n[[phase]]\nid = \"{id}\"\ntitle = \"{id}\"\n")
}

fn step(id: &str, what: &str) -> String {
    format!("\n[[phase.step]]\nid = \"{id}\"\ntitle = \"{id}\"\n{what}\n")
}

fn back(id: &str, what: &str) -> String {
    format!("\n[[rollback.step]]\nid = \"{id}\"\ntitle = \"{id}\"\n{what}\n")
}

fn at<'p>(plan: &'p Plan, id: &str) -> &'p Step {
    plan.step(&StepId::from(id)).unwrap_or_else(|| panic!("no step {id}"))
}

fn probe<'p>(plan: &'p Plan, id: &str) -> &'p plan::model::Probe {
    plan.probe(&ProbeId::from(id)).unwrap_or_else(|| panic!("no probe {id}"))
}

fn after<'p>(plan: &'p Plan, id: &str) -> Vec<&'p str> {
    at(plan, id).after.iter().map(StepId::as_str).collect()
}

/// Since and until when something counts.
fn span<'p>(plan: &'p Plan, id: &str) -> (Option<&'p str>, Option<&'p str>) {
    let probe = probe(plan, id);
    (probe.since.as_ref().map(StepId::as_str), probe.until.as_ref().map(StepId::as_str))
}

#[test]
fn a_step_follows_the_one_before_it_and_a_phase_all_ends_of_the_one_before() {
    let plan = plan(
        &[
            phase("one"),
            step("a", "manual = '?'"),
            step("b", "manual = '?'\nafter = 'a'"),
            step("c", "manual = '?'\nafter = 'a'"),
            step("free", "manual = '?'\nafter = []"),
            phase("two"),
            step("d", "manual = '?'"),
            step("e", "manual = '?'"),
        ]
        .concat(),
    );
    assert_eq!(after(&plan, "a"), Vec::<&str>::new());
    assert_eq!(after(&plan, "b"), ["a"]);
    assert_eq!(after(&plan, "c"), ["a"]);
    assert_eq!(after(&plan, "d"), ["b", "c", "free"]);
    assert_eq!(after(&plan, "e"), ["d"]);
    assert_eq!(plan.phases.iter().map(|p| (p.first, p.count)).collect::<Vec<_>>(), [(0, 4), (4, 2)]);
}

#[test]
fn a_gate_guards_the_switch_that_comes_after_it_and_no_other_gate() {
    let plan = plan(
        &[
            phase("work"),
            step("stop", "gate = {}"),
            step("go", "gate = {}"),
            step("switch", "manual = '?'\nswitch = true"),
            step("announce", "gate = {}"),
            step("shred", "manual = '?'\npoint_of_no_return = true"),
            "\n[rollback]\nestimate = '1m'\n".to_owned(),
            back("traffic", "manual = '?'"),
        ]
        .concat(),
    );
    let guards = |id: &str| at(&plan, id).gate().map(|g| (g.guards_switch, g.guards_no_return)).unwrap();
    assert_eq!(guards("stop"), (false, false));
    assert_eq!(guards("go"), (true, false));
    assert_eq!(guards("announce"), (false, true));
}

#[test]
fn a_side_that_is_fenced_is_watched_from_the_fence_to_its_opening() {
    let plan = plan(&[
        phase("work"),
        step("shut", "fence = { endpoint = 'source', spare = [{ application = 'a', because = 'b' }], probe_write = { sql = 'x' } }\nestimate = '7s'"),
        step("same", "check = 'rows'"),
        step("go", "gate = {}"),
        step("switch", "manual = '?'\nswitch = true"),
        step("open", "fence = { endpoint = 'target', open = true }"),
        "\n[rollback]\nestimate = '1m'\n".to_owned(),
        back("shut-target", "fence = { endpoint = 'target', probe_write = { sql = 'y' } }"),
        back("traffic", "manual = '?'"),
        back("open-source", "fence = { endpoint = 'source', open = true }"),
        "\n[[validation]]\nid = 'rows'\ntables = { from = 'source', to = 'target' }\n".to_owned(),
    ]
    .concat());
    let source = probe(&plan, "fence:source");
    assert_eq!(source.section, Section::Freeze);
    assert_eq!(source.title, "source");
    assert_eq!(source.estimate, Some(Duration::from_secs(7)));
    assert_eq!(span(&plan, "fence:source"), (Some("shut"), Some("open-source")));
    assert_eq!(span(&plan, "fence:target"), (Some("shut-target"), None));
    let ProbeKind::Fence(target) = &source.kind else { panic!("{:?}", source.kind) };
    assert_eq!((target.spare.len(), target.probe_write.as_ref().map(|w| w.sql.as_str())), (1, Some("x")));
    let StepKind::Fence(fence) = &at(&plan, "shut").kind else { panic!("no fence") };
    assert_eq!((&fence.probe, &fence.target), (&source.id, target));
    assert!(
        matches!(&at(&plan, "shut").undo, Some(Undo::Open { endpoint }) if endpoint.as_str() == "source")
    );
    assert!(at(&plan, "open").undo.is_none() && at(&plan, "shut-target").undo.is_none());
    let holds = |id: &str| at(&plan, id).holds_until.as_ref().map(StepId::as_str);
    assert_eq!((holds("shut"), holds("same"), holds("shut-target")), (Some("go"), Some("go"), None));
}

#[test]
fn on_the_way_back_what_was_waited_for_holds_until_the_next_step_has_gone_on_from_it() {
    let plan = plan(
        &[
            "\n[[replication]]\nid = 'there'\nsqlite = { from = 'source', to = 'target' }\n".to_owned(),
            "\n[[replication]]\nid = 'back'\nsqlite = { from = 'target', to = 'source' }\nreverse = true\n"
                .to_owned(),
            phase("work"),
            step("shut", "fence = { endpoint = 'source' }"),
            step("go", "gate = { after = 'users are there' }"),
            step("switch", "command = ['a']\nswitch = true\nestimate = '1s'\ntimeout = '1s'"),
            "\n[rollback]\nestimate = '1m'\n".to_owned(),
            back("shut-target", "fence = { endpoint = 'target' }"),
            back("drained", "wait = { replication = 'back' }"),
            back("looked", "wait = { replication = 'back' }"),
            back("turn", "command = ['b']\nestimate = '1s'\ntimeout = '1s'"),
            back("open-source", "fence = { endpoint = 'source', open = true }"),
            back("quiet", "wait = { replication = 'there' }"),
        ]
        .concat(),
    );
    let holds = |id: &str| at(&plan, id).holds_until.as_ref().map(StepId::as_str);
    assert_eq!((holds("drained"), holds("looked")), (Some("turn"), Some("turn")));
    assert_eq!((holds("shut-target"), holds("quiet")), (None, None));
}

#[test]
fn what_is_frozen_counts_while_it_is_frozen() {
    let plan = plan(&[
        "\n[freeze]\ncontrols = [{ id = 'ci', enforce = ['a'], verify = ['b'], lift = ['c'], env = { K = '${env:K}' } }]\n".to_owned(),
        "\n[[freeze.monitor]]\nid = 'schema'\nschema = { on = 'source' }\n".to_owned(),
        "\n[[freeze.monitor]]\nid = 'quiet'\nwrites = { on = 'target' }\n".to_owned(),
        phase("work"),
        step("freeze", "freeze = { enforce = 'ci' }\npreflight = ['a', '--check']"),
        step("shut", "fence = { endpoint = 'source' }"),
        step("open", "fence = { endpoint = 'target', open = true }"),
        step("lift", "freeze = { lift = 'ci' }"),
    ]
    .concat());
    assert_eq!(span(&plan, "ci"), (Some("freeze"), Some("lift")));
    assert_eq!(span(&plan, "schema"), (Some("freeze"), Some("lift")));
    assert_eq!(span(&plan, "quiet"), (None, Some("open")));
    assert_eq!(span(&plan, "freeze.preflight"), (None, Some("freeze")));
    assert_eq!(at(&plan, "freeze").preflight, Some(ProbeId::from("freeze.preflight")));
    assert!(
        matches!(&at(&plan, "freeze").undo, Some(Undo::Lift { controls }) if controls == &[ProbeId::from("ci")])
    );
    let ProbeKind::Control(verify) = &probe(&plan, "ci").kind else { panic!("no control") };
    assert_eq!((verify.argv.as_slice(), verify.env.len()), (["b".to_owned()].as_slice(), 1));
    assert!(plan.controls.iter().all(|c| c.enforce.env.len() == 1 && c.lift.env.len() == 1));
}

#[test]
fn links_count_on_their_side_of_the_switch_and_waits_hold_as_long() {
    let links = "\n[[replication]]\nid = 'there'\nsqlite = { from = 'source', to = 'target' }\n\n[[replication]]\nid = 'back'\nreverse = true\nsqlite = { from = 'target', to = 'source' }\n";
    let steps = [
        phase("work"),
        step("caught", "wait = { replication = 'there' }\ntimeout = '1m'"),
        step(
            "turn",
            "command = ['turn']\ntimeout = '1m'\nproof = { marker = { from = 'target', to = 'source' } }",
        ),
        step("go", "gate = {}"),
        step("switch", "manual = '?'\nswitch = true"),
        step(
            "came",
            "wait = { marker = { from = 'target', to = 'source' } }\ntimeout = '1m'\nestimate = '3s'",
        ),
        "\n[rollback]\nestimate = '1m'\n".to_owned(),
        back("traffic", "manual = '?'"),
    ]
    .concat();
    let usual = plan(&format!("{links}{steps}"));
    assert_eq!(span(&usual, "there"), (None, Some("switch")));
    assert_eq!(span(&usual, "back"), (Some("switch"), None));
    assert_eq!(at(&usual, "caught").holds_until, Some(StepId::from("go")));
    let turned = plan(&format!("{}{steps}", links.replace("id = 'there'", "id = 'there'\nuntil = 'turn'")));
    assert_eq!(at(&turned, "caught").holds_until, Some(StepId::from("turn")));

    let proof = probe(&usual, "turn.proof");
    assert!(
        matches!(&proof.kind, ProbeKind::Marker { from, to } if from.as_str() == "target" && to.as_str() == "source")
    );
    assert_eq!((proof.schedule, proof.section), (Schedule::OnDemand, Section::Replication));
    let marker = probe(&usual, "came.marker");
    assert_eq!((marker.alarm, marker.estimate), (None, Some(Duration::from_secs(3))));
    let StepKind::Wait(WaitFor::Good { probes, .. }) = &at(&usual, "came").kind else { panic!("no wait") };
    assert_eq!(probes, std::slice::from_ref(&marker.id));
}

#[test]
fn a_link_that_leads_there_is_looked_at_for_every_trap_until_its_source_is_shut() {
    let header =
        HEADER.replace("sqlite = { path = \"source.db\" }", "postgres = { url = \"postgres://u@a/x\" }");
    let header =
        header.replace("sqlite = { path = \"target.db\" }", "postgres = { url = \"postgres://u@b/x\" }");
    let links = "\n[[replication]]\nid = 'orders'\npostgres_logical = { from = 'source', to = 'target', slot = 's' }\n\n[[replication]]\nid = 'back'\nreverse = true\npostgres_logical = { from = 'target', to = 'source', slot = 'b' }\n";
    let steps = |carry: &str, fence: &str| {
        [
            phase("work"),
            step("begin", "gate = { leave_out = [{ evidence = 'ready:orders:roles', because = 'the target has roles of its own' }] }"),
            step("shut", fence),
            step("carried", carry),
            step("go", "gate = {}"),
            step("switch", "manual = '?'\nswitch = true"),
            "\n[rollback]\nestimate = '1m'\n".to_owned(),
            back("traffic", "manual = '?'"),
        ]
        .concat()
    };
    let of = |steps: String| {
        read(&format!("{header}{links}{steps}"))
            .unwrap_or_else(|d| panic!("{}", d.render(Style::default())))
            .plan
    };
    let plan = of(steps(
        "carry = { sequences = { from = 'source', to = 'target' } }\nestimate = '1s'\ntimeout = '1m'",
        "fence = { endpoint = 'source' }",
    ));
    let ready: Vec<_> = plan
        .probes
        .iter()
        .filter_map(|p| match &p.kind {
            ProbeKind::Ready(ready) => Some((p, ready)),
            _ => None,
        })
        .collect();
    let traps: Vec<Trap> = ready.iter().map(|(_, ready)| ready.trap).collect();
    assert_eq!(traps, LinkKind::PostgresLogical.traps(), "of the link there alone, in their order");
    for (probe, ready) in &ready {
        assert_eq!(probe.id.as_str(), format!("ready:orders:{}", ready.trap.key()));
        assert_eq!(span(&plan, probe.id.as_str()), (None, Some("shut")));
        assert_eq!((probe.section, probe.alarm), (Section::Environment, Some(Severity::Caution)));
        assert_eq!(probe.schedule, Schedule::Every(Duration::from_secs(60)));
        assert_eq!((ready.carried, ready.back.as_deref()), (true, Some("b")));
    }
    assert_eq!(probe(&plan, "ready:orders:keys").title, "keyless tables (orders)");
    let plan = of(steps("manual = '?'", "manual = '?'"));
    assert_eq!(span(&plan, "ready:orders:keys"), (None, Some("switch")));
    assert!(matches!(&probe(&plan, "ready:orders:sequences").kind, ProbeKind::Ready(r) if !r.carried));
}

#[test]
fn what_is_not_said_has_its_usual_value() {
    let plan = plan(&[
        "\n[[probe]]\nid = 'often'\ntcp = 'a:1'\nevery = '1s'\n".to_owned(),
        "\n[[probe]]\nid = 'seldom'\nevery = '1m'\nalarm = 'none'\ntls = { address = '[2001:db8::1]:443' }\n".to_owned(),
        "\n[[validation]]\nid = 'rows'\ntables = { from = 'source', to = 'target' }\n".to_owned(),
        phase("work"),
        step("do", "command = ['a']\nretries = { times = 3 }"),
    ]
    .concat());
    assert_eq!(plan.window, Window::FromStart { length: Duration::from_secs(4 * 3600) });
    assert_eq!(probe(&plan, "often").max_age, Duration::from_secs(5), "at least 5 s");
    assert_eq!(probe(&plan, "seldom").max_age, Duration::from_secs(120), "twice its interval");
    assert_eq!(probe(&plan, "seldom").alarm, None);
    assert!(
        matches!(&probe(&plan, "seldom").kind, ProbeKind::Tls(t) if t.name == "2001:db8::1" && t.days_left == 14)
    );
    assert_eq!(probe(&plan, "rows").schedule, Schedule::OnDemand);
    assert_eq!(at(&plan, "do").retries.backoff, Duration::from_secs(5));
    let sections: Vec<Section> = plan.probes.iter().map(|p| p.section).collect();
    assert!(sections.is_sorted(), "in the order of the panes: {sections:?}");
}

#[test]
fn a_rollback_without_an_estimate_takes_as_long_as_its_steps() {
    let plan = plan(
        &[
            phase("work"),
            step("do", "manual = '?'"),
            "\n[rollback]\n".to_owned(),
            back("one", "command = ['a']\nestimate = '1m'"),
            back("two", "command = ['b']\nestimate = '2m'"),
            back("three", "command = ['c']\nestimate = '30s'\nafter = 'one'"),
        ]
        .concat(),
    );
    assert_eq!(plan.rollback.unwrap().estimate, Duration::from_secs(180), "the longest way, not the sum");
}

#[test]
fn times_are_shown_at_the_offset_of_the_window() {
    let fixed = "window   = { opens = 2026-12-05T22:00:00+01:00, closes = 2026-12-06T02:00:00+01:00 }";
    let text = format!("{HEADER}{}{}", phase("work"), step("do", "manual = '?'"));
    let text = text.replace("window   = { opens = \"start\", length = \"4h\" }", fixed);
    assert_eq!(read(&text).unwrap().plan.offset, 3600);
    let other = text.replace(fixed, &format!("{fixed}\noffset = \"-05:00\""));
    assert_eq!(read(&other).unwrap().plan.offset, -18_000);
}

#[test]
fn a_plan_of_one_question_is_a_plan() {
    let text = HEADER.split("\n[endpoints").next().unwrap();
    let loaded = read(&format!("{text}{}{}", phase("work"), step("ask", "manual = 'Ready?'"))).unwrap();
    assert_eq!(loaded.notes.count(Level::Warning), 0, "{}", loaded.notes.render(Style::default()));
}
