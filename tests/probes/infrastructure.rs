//! Real terraform with its built-in resources and a local state: infrastructure that is held still.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use cutover::engine::reading::Unmeasured;
use cutover::plan::model::{ProbeKind, TerraformProbe};
use cutover::plan::secret::{Part, Template};
use cutover::probes::measure;

use crate::common::{World, failed, findings, probe};
use crate::watched::terraform;

const CONFIGURATION: &str = r#"
variable "size" { default = "small" }

resource "terraform_data" "web" {
  input = { size = var.size, password = "tulip-and-rose" }
}

resource "terraform_data" "worker" {
  count = 2
  input = "n${count.index}"
}

module "inner" {
  source = "./inner"
}

output "size" { value = var.size }
"#;

const INNER: &str = r#"
resource "terraform_data" "queue" {
  input = "standard"
}
"#;

/// A configuration that is applied.
fn world() -> World {
    let world = World::new();
    let infra = world.path().join("infra");
    fs::create_dir_all(infra.join("inner")).unwrap();
    fs::write(infra.join("main.tf"), CONFIGURATION).unwrap();
    fs::write(infra.join("inner/main.tf"), INNER).unwrap();
    terraform(&infra, &["init", "-input=false", "-no-color"]);
    terraform(&infra, &["apply", "-input=false", "-no-color", "-auto-approve"]);
    world
}

fn infra() -> TerraformProbe {
    TerraformProbe {
        folder: "infra".to_owned(),
        var_files: Vec::new(),
        except: Vec::new(),
        env: vec![("TF_CLI_CONFIG_FILE".to_owned(), Template::plain("/dev/null"))],
    }
}

fn kind() -> ProbeKind {
    ProbeKind::Terraform(infra())
}

/// Every file below a folder, with what it holds.
fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.extend(files(&path));
        } else {
            all.push((path.display().to_string(), fs::read(&path).unwrap()));
        }
    }
    all.sort();
    all
}

fn said(measure: &cutover::engine::reading::Measure) -> Vec<String> {
    findings(measure).iter().map(|f| format!("{} {}", f.what, f.change)).collect()
}

/// The state as another hand left it.
fn edit_state(world: &World, from: &str, to: &str) {
    let path = world.path().join("infra/terraform.tfstate");
    let state = fs::read_to_string(&path).unwrap();
    assert!(state.contains(from), "{state}");
    fs::write(&path, state.replace(from, to)).unwrap();
}

#[tokio::test]
async fn what_differs_from_the_configuration_is_named_by_attribute_and_never_by_value() {
    let world = world();
    let before = files(world.path());
    let (seen, baseline) = world.baseline(kind()).await;
    assert_eq!((seen.pass, seen.text.as_str()), (true, "noted, 4 resources"));
    let seen = world.against(kind(), &baseline).await.result.unwrap();
    assert_eq!((seen.pass, seen.text.as_str()), (true, "unchanged, 4 resources"));
    assert!(files(world.path()) == before, "a look leaves nothing behind and changes nothing");

    edit_state(&world, "tulip-and-rose", "daisy-and-fern");
    edit_state(&world, "\"n1\"", "\"n7\"");
    let before = files(world.path());
    let looked = world.against(kind(), &baseline).await;
    let seen = looked.result.as_ref().unwrap();
    assert!(!seen.pass);
    let all = said(seen);
    let [web, worker] = all.as_slice() else { panic!("{all:?}") };
    assert!(
        web.starts_with("terraform_data.web is not as configured, ") && web.ends_with(": input, output"),
        "{web}"
    );
    assert!(worker.starts_with("terraform_data.worker[1] is not as configured, "), "{worker}");
    let all = format!("{looked:?} {baseline:?}");
    for value in ["tulip", "daisy", "standard", "n7"] {
        assert!(!all.contains(value), "{value} is told: {all}");
    }
    assert!(files(world.path()) == before, "nothing was applied and nothing left behind");
    // It is a breach at a first look too, and the same finding every time.
    assert!(!world.seen(kind()).await.pass);
    assert_eq!(said(&world.against(kind(), &baseline).await.result.unwrap()), said(seen));
}

#[tokio::test]
async fn what_was_changed_and_applied_is_not_as_it_was() {
    let world = world();
    let (_, baseline) = world.baseline(kind()).await;
    let inner = world.path().join("infra/inner/main.tf");
    fs::write(&inner, INNER.replace("standard", "fifo") + "resource \"terraform_data\" \"late\" {}\n")
        .unwrap();
    let seen = world.against(kind(), &baseline).await.result.unwrap();
    let all = said(&seen);
    assert_eq!(all[0], "module.inner.terraform_data.late is configured and not there");
    assert!(all[1].starts_with("module.inner.terraform_data.queue is not as configured, "), "{all:?}");

    terraform(&world.path().join("infra"), &["apply", "-input=false", "-no-color", "-auto-approve"]);
    let seen = world.against(kind(), &baseline).await.result.unwrap();
    let all = said(&seen);
    let [late, queue] = all.as_slice() else { panic!("{all:?}") };
    assert!(late.starts_with("module.inner.terraform_data.late added, "), "{late}");
    assert!(queue.starts_with("module.inner.terraform_data.queue altered "), "{queue}");
    assert!(queue.ends_with(": input, output"), "{queue}");
}

#[tokio::test]
async fn what_is_gone_from_the_state_and_outputs_that_differ_are_named() {
    let world = world();
    terraform(&world.path().join("infra"), &["state", "rm", "terraform_data.worker[0]"]);
    let seen = world.seen(kind()).await;
    assert_eq!(said(&seen), ["terraform_data.worker[0] is configured and not there"]);
    let spared = TerraformProbe { except: vec!["terraform_data.worker*".to_owned()], ..infra() };
    let seen = world.seen(ProbeKind::Terraform(spared)).await;
    assert_eq!((seen.pass, seen.text.as_str()), (true, "noted, 2 resources"));

    fs::write(world.path().join("infra/large.tfvars"), "size = \"large\"\n").unwrap();
    let large = TerraformProbe {
        var_files: vec!["large.tfvars".to_owned()],
        except: vec!["terraform_data.*".to_owned()],
        ..infra()
    };
    let seen = world.seen(ProbeKind::Terraform(large)).await;
    assert!(said(&seen)[0].starts_with("output size is not as configured, "), "{seen:?}");
}

#[tokio::test]
async fn a_variable_from_the_plan_reaches_terraform_and_no_screen() {
    let world = world();
    fs::write(world.path().join("size"), "hunter22-large").unwrap();
    let mut probe = infra();
    probe.env.push(("TF_VAR_size".to_owned(), Template::new(vec![Part::File("size".into())])));
    let looked = world.look(ProbeKind::Terraform(probe)).await;
    assert!(said(looked.result.as_ref().unwrap())[0].starts_with("output size is not as configured"));
    assert!(!format!("{looked:?}").contains("hunter22"), "{looked:?}");
}

#[tokio::test]
async fn a_plan_that_cannot_be_made_is_no_measure() {
    let world = world();
    let (_, baseline) = world.baseline(kind()).await;
    let file = world.path().join("infra/more.tf");
    fs::write(&file, "resource \"terraform_data\" \"x\" { input = var.nowhere }\n").unwrap();
    let looked = world.against(kind(), &baseline).await;
    let why = looked.result.unwrap_err();
    assert!(failed(&why).starts_with("terraform: Reference to undeclared input variable: "), "{why:?}");
    fs::write(&file, "terraform {\n  backend \"local\" { path = \"elsewhere.tfstate\" }\n}\n").unwrap();
    let why = world.against(kind(), &baseline).await.result.unwrap_err();
    assert!(failed(&why).contains("terraform init"), "{why:?}");
    fs::remove_file(&file).unwrap();
    fs::write(world.path().join("infra/terraform.tfstate"), "no state").unwrap();
    assert!(matches!(world.against(kind(), &baseline).await.result, Err(Unmeasured::Failed(_))));

    let nowhere = TerraformProbe { folder: "nowhere".to_owned(), ..infra() };
    let why = world.unmeasured(ProbeKind::Terraform(nowhere)).await;
    assert_eq!(failed(&why), "the folder nowhere is not there: see `folder` in the plan");
}

#[tokio::test]
async fn a_plan_that_takes_too_long_is_ended_and_leaves_nothing() {
    let world = world();
    let before = files(world.path());
    let mut short = probe(kind());
    short.timeout = Duration::from_millis(5);
    let began = Instant::now();
    let looked = measure(&world.context, &short, None).await;
    assert_eq!(looked.result, Err(Unmeasured::TimedOut(5)));
    assert!(began.elapsed() < Duration::from_secs(3));
    assert!(files(world.path()) == before);
}

#[tokio::test]
async fn a_missing_terraform_is_said_with_its_mend() {
    let world = World::new();
    fs::create_dir(world.path().join("infra")).unwrap();
    let mut probe = infra();
    probe.env.push(("PATH".to_owned(), Template::plain("/nowhere")));
    let why = world.unmeasured(ProbeKind::Terraform(probe)).await;
    let mend = "there is no terraform on the PATH of whoever started the run: install it there, or take this monitor out";
    assert_eq!(failed(&why), mend);
}
