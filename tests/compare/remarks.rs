//! What is defined around the rows: told beside the verdict, and no part of it.

use cutover::compare::tables::{Outcome, Request, Verdict};

use crate::common::{Maria, Pg, compared, compared_with, run};

fn objects(outcome: &Outcome) -> Vec<&str> {
    assert_eq!(outcome.remarks.unknown, None);
    let mut objects: Vec<&str> = outcome.remarks.found.iter().map(|found| found.object.as_str()).collect();
    objects.sort_unstable();
    objects
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_target_lacks_around_its_rows_is_told_and_the_rows_are_the_same() {
    let pg = Pg::start().await;
    pg.both(
        "create table kin (id int primary key); insert into kin values (1);
         create table t (id int primary key, n numeric, kin int, v text); insert into t values (1, 1.50, 1, 'a');
         create table left_alone (id int primary key, v text)",
    )
    .await;
    assert!(objects(&compared(&pg.sides()).await).is_empty());
    run(
        &pg.source,
        "create unique index t_v on t (v) where n > 0;
         alter table t add constraint positive check (n > 0), add foreign key (kin) references kin;
         create sequence numbers; select nextval('numbers');
         alter table t alter column v type text collate \"POSIX\";
         create index alone on left_alone (v)",
    )
    .await;
    let asked = Request { except: vec!["public.left_alone".to_owned()], ..Request::default() };
    let outcome = compared_with(&pg.sides(), asked).await;
    assert_eq!(outcome.verdict(), Verdict::Same, "{:?}", outcome.unfinished);
    assert_eq!(
        objects(&outcome),
        [
            "column public.t.v",
            "constraint positive on public.t",
            "constraint t_kin_fkey on public.t",
            "index public.t_v",
            "sequence public.numbers"
        ]
    );
    // Where sequences stand is asked for where no step carries them over.
    run(&pg.target, "create sequence numbers").await;
    let sequence = |outcome: &Outcome| objects(outcome).contains(&"sequence public.numbers");
    assert!(!sequence(&compared(&pg.sides()).await));
    let asked = Request { sequences: true, ..Request::default() };
    assert!(sequence(&compared_with(&pg.sides(), asked).await));
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_may_not_see_definitions_is_told_so_and_has_the_rows_compared() {
    let pg = Pg::start().await;
    pg.both(
        "create table t (id int primary key); create sequence hidden;
         do $$ begin create role reader login; exception when duplicate_object then null; end $$;
         grant select on t to reader",
    )
    .await;
    let outcome = compared(&pg.sides_as("reader")).await;
    assert_eq!(outcome.verdict(), Verdict::Same, "{:?}", outcome.unfinished);
    let why = outcome.remarks.unknown.unwrap();
    assert!(why.contains("hidden") && why.contains("grant"), "{why}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_target_of_mariadb_lacks_is_told() {
    let maria = Maria::start();
    maria.both(
        "create table kin (id int primary key);
         create table t (id int primary key, kin int, v varchar(9)); insert into t values (1, null, 'a')",
    );
    assert!(objects(&compared(&maria.sides()).await).is_empty());
    Maria::on(
        &maria.source,
        "create unique index v on t (v); alter table t add constraint k foreign key (kin) references kin (id),
           add constraint c check (v <> '');
         create sequence numbers",
    );
    let outcome = compared(&maria.sides()).await;
    assert_eq!(outcome.verdict(), Verdict::Same, "{:?}", outcome.unfinished);
    assert_eq!(
        objects(&outcome),
        ["check c on t", "foreign key k on t", "index k on t", "index v on t", "sequence numbers"]
    );
}
