//! A flow of requests as what a step asks for and as what is looked at on a schedule, and what is kept of both.

use std::fs;
use std::path::Path;

use cutover::engine::effect::Effect;
use cutover::tasks::last_path;

use crate::common::{Folder, appears};
use crate::signed::{PASSWORD, SIGN_IN, Shop};

fn folder(shop: &Shop) -> Folder {
    let step = "[[phase.step]]\nid = \"try\"\ntitle = \"Try\"\ncheck = \"order\"\n";
    let validation = format!("[[validation]]\nid = \"order\"\n{SIGN_IN}");
    let probe =
        format!("[[probe]]\nid = \"again\"\nevery = \"100ms\"\n{}", SIGN_IN.replace("validation", "probe"));
    let tables = format!("{step}{validation}{probe}")
        .replace("${shop}", &shop.at("127.0.0.1"))
        .replace("${file:password}", "${file:$DIR/password}");
    let folder = Folder::with(&tables);
    fs::write(folder.path("password"), PASSWORD).unwrap();
    folder
}

/// Everything that stands in a folder.
fn all_of(folder: &Path, out: &mut String) {
    for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() {
            all_of(&entry, out);
        } else {
            out.push_str(&String::from_utf8_lossy(&fs::read(entry).unwrap()));
        }
    }
}

#[tokio::test]
async fn a_flow_is_tried_when_a_step_asks_and_again_and_again_where_the_plan_says_so() {
    let shop = Shop::new();
    let folder = folder(&shop);
    let mut run = folder.begin();
    for _ in 0..2 {
        let reading = run.reading("again").await;
        assert_eq!(reading.result.unwrap().text, "7 requests, 204");
    }
    run.performer.start(&[Effect::Measure { probe: "order".into() }]);
    let reading = run.reading("order").await;
    let measure = reading.result.unwrap();
    assert!(measure.pass, "{}", measure.text);
    // The answers are kept for people, and nothing that lets anybody in.
    let kept = appears(&last_path(&folder.run(), &"order".into())).await;
    drop(run);
    assert!(kept.starts_with("GET http://") && kept.contains("/login: 200, "), "{kept}");
    assert!(kept.contains("\"state\": \"placed\""), "{kept}");
    let mut all = String::new();
    all_of(&folder.run(), &mut all);
    for request in shop.log() {
        for cookie in request["cookie"].as_str().into_iter().flat_map(|all| all.split("; ")) {
            let (name, value) = cookie.split_once('=').unwrap();
            assert!(name == "lang" || !all.contains(value), "{cookie} in {all}");
        }
    }
    assert!(!all.contains("csrf-") && !all.contains("w0rd"), "{all}");
}
