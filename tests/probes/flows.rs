//! Flows of several requests against a real shop with sign-in, another program than ours, as a plan writes them.

use std::time::{Duration, Instant};

use cutover::engine::reading::Unmeasured;
use cutover::plan::{self, Environment, Overrides};
use cutover::probes::{Looked, measure};
use serde_json::Value;

use crate::common::{World, failed};
use crate::signed::{PASSWORD, SIGN_IN, Shop};
use crate::tls::{authority, leaf};

/// A world in which the shop's password is a file.
fn world() -> World {
    let world = World::new();
    std::fs::write(world.path().join("password"), format!("{PASSWORD}\n")).unwrap();
    world
}

/// Looks as a plan says in `http = { … }`, or below `[[validation]]`; `${shop}` is the shop.
async fn look(world: &World, shop: &str, said: &str) -> Looked {
    let text = format!(
        "[plan]\nname = \"x\"\nstrategy = \"planned-downtime\"\nsource = \"dc1\"\ntarget = \"cloud\"\n\
         window = {{ opens = \"start\", length = \"4h\" }}\n[vars]\nshop = \"{shop}\"\n\
         [[phase]]\nid = \"work\"\ntitle = \"Work\"\n[[phase.step]]\nid = \"look\"\ntitle = \"Look\"\ncheck = \"it\"\n\
         [[validation]]\nid = \"it\"\n{said}\n"
    );
    let path = world.path().join("plan.toml");
    std::fs::write(&path, text).unwrap();
    let loaded = plan::load(&path, &Overrides::default(), &Environment::default())
        .unwrap_or_else(|found| panic!("{}", found.render(plan::Style::default())));
    measure(&world.context, loaded.plan.probe(&"it".into()).unwrap(), None).await
}

async fn seen(world: &World, shop: &str, said: &str) -> (bool, String) {
    let looked = look(world, shop, said).await;
    let seen = looked.result.unwrap_or_else(|why| panic!("unmeasured: {why:?}\n{}", looked.raw));
    (seen.pass, seen.text)
}

async fn unmeasured(world: &World, shop: &str, said: &str) -> Unmeasured {
    look(world, shop, said).await.result.expect_err("measured")
}

/// The token of a request.
fn bearer(request: &Value) -> String {
    request["authorization"].as_str().and_then(|value| value.strip_prefix("Bearer ")).unwrap().to_owned()
}

#[tokio::test]
async fn one_user_signs_in_orders_and_takes_it_back_over_one_connection() {
    let (world, shop) = (world(), Shop::new());
    let looked = look(&world, &shop.at("127.0.0.1"), SIGN_IN).await;
    let seen = looked.result.unwrap_or_else(|why| panic!("{why:?}\n{}", looked.raw));
    assert_eq!((seen.pass, seen.text.as_str()), (true, "7 requests, 204"), "{}", looked.raw);
    let log = shop.log();
    let asked: Vec<&str> = log.iter().map(|r| r["asked"].as_str().unwrap()).collect();
    assert_eq!(
        asked,
        [
            "GET /login",
            "POST /login?flow=1&step=2",
            "GET /home",
            "POST /orders",
            "PUT /orders/17",
            "HEAD /orders/17?ref=own",
            "GET /orders/17?ref=own",
            "DELETE /orders/17"
        ]
    );
    assert!(log.iter().all(|r| r["from"] == log[0]["from"]), "{log:?}");
    // The cookie of the page before is gone, as the shop has said; a small one is no secret.
    assert!(!log[3]["cookie"].as_str().unwrap().contains("early="), "{log:?}");
    assert!(log[3]["cookie"].as_str().unwrap().contains("lang=en"), "{log:?}");

    // The next look is another user's: it has no cookie and another connection.
    assert!(look(&world, &shop.at("127.0.0.1"), SIGN_IN).await.result.unwrap().pass);
    let again = shop.log();
    assert_eq!(again[8]["cookie"], Value::Null);
    assert_ne!(again[8]["from"], log[0]["from"]);
}

#[tokio::test]
async fn every_request_is_evidence_and_no_secret_of_it_is() {
    let (world, shop) = (world(), Shop::new());
    let flow = SIGN_IN.replace("expect = { status = \"2xx\" }", "expect = { status = 200 }")
        + "\n[[validation.http.flow]]\nget = \"${shop}/never\"\n";
    let looked = look(&world, &shop.at("127.0.0.1"), &flow).await;
    let text = &looked.result.as_ref().unwrap().text;
    assert_eq!(text, "7 of 8 delete /orders/${kept:order}: 204, expected 200");
    let lines: Vec<&str> = looked.raw.lines().take(8).collect();
    let shop_at = shop.at("127.0.0.1");
    for (line, began) in lines.iter().zip([
        format!("GET {shop_at}/login: 200, "),
        "POST ${kept:action}: 200, /session/valid is true, ".to_owned(),
        format!("POST {shop_at}/orders: 201, 2 values as expected, "),
        format!("PUT {shop_at}/orders/${{kept:order}}: 204, "),
        "HEAD ${kept:link}: 200, ".to_owned(),
        "GET ${kept:link}: 200, matches ".to_owned(),
        format!("DELETE {shop_at}/orders/${{kept:order}}: not as expected: 204, expected 200, "),
        "HTTP/1.1 200 OK".to_owned(),
    ]) {
        assert!(line.starts_with(&began), "{line}\n{}", looked.raw);
    }
    assert!(lines[0].ends_with(" ms"), "{}", lines[0]);
    assert!(looked.raw.contains("\"state\": \"placed\""), "{}", looked.raw);
    assert!(looked.raw.contains("location: /orders/17?•••"), "{}", looked.raw);
    let log = shop.log();
    assert!(!log.iter().any(|r| r["asked"] == "GET /never"), "{log:?}");
    let all = format!("{looked:?}");
    let session = log[3]["cookie"].as_str().unwrap().split("; ").find_map(|c| c.strip_prefix("session="));
    assert!(!all.contains(session.unwrap()), "{all}");
    let csrf = log[1]["sent"].as_str().unwrap().split("csrf=").nth(1).unwrap();
    assert!(!all.contains(csrf.trim_start_matches("%2B").trim_end_matches("%3D%26")), "{csrf} in {all}");
    assert!(!all.contains("csrf-"), "{all}");
    assert!(
        looked.query.starts_with(&format!("GET {shop_at}/login, POST ${{kept:action}}, ")),
        "{}",
        looked.query
    );
}

#[tokio::test]
async fn a_token_of_json_is_carried_in_a_header_and_a_cookie_in_another() {
    let (world, shop) = (world(), Shop::new());
    let at = shop.at("127.0.0.1");
    let flow = r#"http = { flow = [
        { post = "${shop}/token", json = { user = "probe", password = "${file:password}", for = ["orders", 3600, true] }, keep = { token = { json = "/access_token" } } },
        { get = "${shop}/orders", headers = { authorization = "Bearer ${kept:token}" }, expect = { json = { "/orders" = [] } } },
    ] }"#;
    assert_eq!(seen(&world, &at, flow).await, (true, "2 requests, 200, /orders is []".to_owned()));
    let token = bearer(&shop.log()[1]);

    // A server that says back what it got gets nothing of it into the evidence, in no form.
    let echo = flow.replace(
        "\n    ] }",
        "\n{ post = \"${shop}/echo\", form = { password = \"${file:password}\", token = \"${kept:token}\" }, \
         headers = { authorization = \"Bearer ${kept:token}\" }, expect = { text = \"nothing like it\" } } ] }",
    );
    let looked = look(&world, &at, &echo).await;
    let sent = shop.log().pop().unwrap();
    let again = bearer(&sent);
    assert_ne!(again, token);
    assert!(sent["sent"].as_str().unwrap().contains(&again), "{sent}");
    let all = format!("{looked:?}");
    assert_eq!(looked.result.unwrap().text, "3 of 3 post /echo: 200, “nothing like it” is not in the answer");
    assert!(!all.contains(&again) && !all.contains("w0rd"), "{all}");
    assert!(looked.raw.contains("Bearer •••"), "{}", looked.raw);

    let cookie = r#"http = { flow = [
        { get = "${shop}/cookies/set", keep = { all = { cookie = "all" } } },
        { post = "${shop}/echo", body = "all is ${kept:all}", headers = { x-all = "${kept:all}" } },
    ] }"#;
    assert!(seen(&world, &at, cookie).await.0);
    assert_eq!(shop.log().pop().unwrap()["sent"], "all is all-of-it");
}

#[tokio::test]
async fn what_is_not_there_cannot_be_kept() {
    let (world, shop) = (world(), Shop::new());
    let at = shop.at("127.0.0.1");
    let keeping = |how: &str| {
        format!(
            "http = {{ flow = [{{ post = \"${{shop}}/token\", json = {{ user = \"probe\", password = \"${{file:password}}\", \
             for = [\"orders\", 3600, true] }}, keep = {{ it = {how} }} }}, {{ get = \"${{shop}}/${{kept:it}}\" }}] }}"
        )
    };
    for (how, said) in [
        ("{ json = \"/token\" }", "/token is not in the answer"),
        ("{ json = \"/none\" }", "/none is null"),
        ("{ json = \"/list\" }", "/list is a list: one value is kept"),
        ("{ header = \"x-csrf\" }", "there is no header x-csrf"),
        ("{ cookie = \"session\" }", "no cookie session was set"),
        ("{ match = 'csrf=(\\w+)' }", "nothing in the answer matches csrf=(\\w+)"),
        ("{ match = 'access_token(x*)' }", "what matches access_token(x*) is empty"),
    ] {
        let (pass, text) = seen(&world, &at, &keeping(how)).await;
        assert_eq!((pass, text), (false, format!("1 of 2 post /token: 200, {said}")));
    }
    let log = shop.log();
    assert!(log.iter().all(|r| r["asked"] == "POST /token"), "nothing is asked after it: {log:?}");
    let wrong = keeping("{ json = \"/access_token\" }").replace("\"probe\"", "\"nobody\"");
    assert_eq!(seen(&world, &at, &wrong).await, (false, "1 of 2 post /token: 401, expected 2xx".to_owned()));
}

#[tokio::test]
async fn cookies_and_tokens_follow_to_no_other_host() {
    let (world, shop, other) = (world(), Shop::new(), Shop::new());
    let (at, elsewhere) = (shop.at("127.0.0.1"), other.at("localhost"));
    let flow = |rest: &str| {
        format!(
            "http = {{ flow = [{{ get = \"${{shop}}/cookies/set\", keep = {{ t = {{ cookie = \"all\" }} }} }}, {rest}] }}"
        )
    };
    let bearer = "headers = { authorization = \"Bearer ${kept:t}\" }";
    let away = flow(&format!("{{ get = \"${{shop}}/to?url={elsewhere}/steal%3Fcode=4711\", {bearer} }}"));
    let looked = look(&world, &at, &away).await;
    assert_eq!(
        looked.result.as_ref().unwrap().text,
        format!("2 of 2 get /to: 302 to {elsewhere}/steal, expected 2xx")
    );
    assert!(looked.raw.contains(&format!("location: {elsewhere}/steal?•••")), "{}", looked.raw);
    assert_eq!(other.log(), Vec::<Value>::new());

    // A link that leads to a host that the plan does not name is not followed, with whatever it would take along.
    let link = |hosts: &str| {
        flow(&format!(
            "{{ get = \"${{shop}}/to?url={elsewhere}/cookies\", expect = {{ status = 302 }}, keep = {{ next = {{ header = \"x-next\" }} }} }}, \
             {{ get = \"${{kept:next}}\", {bearer} }}"
        ))
        .replace("] }", &format!("]{hosts} }}"))
    };
    let why = unmeasured(&world, &at, &link("")).await;
    assert_eq!(
        failed(&why),
        "3 of 3 get ${kept:next}: the link leads to localhost, which is not among the flow's `hosts`: not followed"
    );
    assert_eq!(other.log(), Vec::<Value>::new());
    // One that it names gets what this request sends, and no cookie of another host.
    let named = link(&format!(", hosts = [\"localhost:{}\"]", other.port));
    assert!(seen(&world, &at, &named).await.0);
    let log = other.log();
    assert_eq!(
        (&log[0]["authorization"], &log[0]["cookie"]),
        (&Value::from("Bearer all-of-it"), &Value::Null)
    );
}

#[tokio::test]
async fn cookies_keep_to_their_path_their_domain_and_tls() {
    let (world, shop) = (world(), Shop::new());
    let at = shop.at("127.0.0.1");
    let flow = |path: &str, wanted: &str| {
        format!(
            "http = {{ flow = [{{ get = \"${{shop}}/cookies/set\" }}, {{ get = \"${{shop}}{path}\", expect = {{ json = {{ \"/cookie\" = \"{wanted}\" }} }} }}] }}"
        )
    };
    let sorted = |log: &[Value]| {
        let mut all: Vec<String> =
            log.last().unwrap()["cookie"].as_str().unwrap().split("; ").map(str::to_owned).collect();
        all.sort();
        all
    };
    look(&world, &at, &flow("/cookies", "")).await;
    // The library holds loopback for as safe as TLS, as browsers do.
    assert_eq!(sorted(&shop.log()), ["all=all-of-it", "mine=only-this-host", "secure=for-tls-only"]);
    look(&world, &at, &flow("/cookies/deep/er", "")).await;
    assert!(sorted(&shop.log()).contains(&"deep=deep-only".to_owned()));
    look(&world, &at, &flow("/junk", "")).await;
    assert_eq!(sorted(&shop.log()), ["all=all-of-it", "secure=for-tls-only"]);
}

#[tokio::test]
async fn slow_is_bad_within_its_limit_and_unknown_beyond_its_time() {
    let (world, shop) = (world(), Shop::new());
    let at = shop.at("127.0.0.1");
    let late = r#"http = { flow = [{ get = "${shop}/junk" }, { get = "${shop}/slow?ms=300", expect = { within = "100ms" } }] }"#;
    assert_eq!(seen(&world, &at, late).await, (false, "2 of 2 get /slow: 200, not within 100 ms".to_owned()));
    let alone = r#"http = { get = "${shop}/slow?ms=300", expect = { within = "100ms" } }"#;
    assert_eq!(seen(&world, &at, alone).await, (false, "200, not within 100 ms".to_owned()));

    let began = Instant::now();
    let given_up = r#"http = { flow = [{ get = "${shop}/slow?ms=3000", timeout = "200ms" }, { get = "${shop}/junk" }] }"#;
    let why = unmeasured(&world, &at, given_up).await;
    assert_eq!(failed(&why), "1 of 2 get /slow: no answer within 0.2s");
    // What is left of the whole is the limit of each, so that it is said which one it was.
    let whole = "timeout = \"1s\"\nhttp = { flow = [{ get = \"${shop}/slow?ms=400\" }, { get = \"${shop}/slow?ms=9000\" }] }";
    let why = unmeasured(&world, &at, whole).await;
    assert!(failed(&why).starts_with("2 of 2 get /slow: no answer within "), "{why:?}");
    assert!(began.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn what_cannot_be_read_is_no_measure_and_says_where() {
    let (world, shop) = (world(), Shop::new());
    let at = shop.at("127.0.0.1");
    let second = |path: &str| {
        format!(
            "http = {{ flow = [{{ get = \"${{shop}}/login\" }}, {{ get = \"${{shop}}{path}\", expect = {{ has = \"/a\" }} }}] }}"
        )
    };
    let why = unmeasured(&world, &at, &second("/junk")).await;
    assert_eq!(failed(&why), "2 of 2 get /junk: the answer is no JSON: it is a page of markup");
    let looked = look(&world, &at, &second("/big")).await;
    assert!(
        failed(looked.result.as_ref().unwrap_err())
            .starts_with("2 of 2 get /big: the answer is longer than 1 MiB")
    );
    // The long one has not crowded out the one before it.
    assert!(looked.raw.contains("<form") && looked.raw.len() < 90_000, "{}", looked.raw.len());
    let why = unmeasured(&world, &at, &second("/cut")).await;
    assert!(failed(&why).starts_with("2 of 2 get /cut: the exchange broke: "), "{why:?}");

    drop(shop);
    let why = unmeasured(&world, &at, &second("/junk")).await;
    assert!(
        matches!(&why, Unmeasured::NotReachable(text) if text.starts_with("1 of 2 get /login: ")),
        "{why:?}"
    );
}

#[tokio::test]
async fn over_tls_a_flow_trusts_the_plans_roots_and_no_certificate_that_has_expired() {
    let (world, authority) = (world(), authority());
    std::fs::write(world.path().join("ca.pem"), &authority.pem).unwrap();
    let serve = |days| {
        let (cert, key) = leaf(Some(&authority), "127.0.0.1", days);
        let (cert_path, key_path) = (world.path().join("cert.pem"), world.path().join("key.pem"));
        let pem = |what: &str, der: &[u8]| {
            use base64::Engine as _;
            let text = base64::engine::general_purpose::STANDARD.encode(der);
            format!("-----BEGIN {what}-----\n{text}\n-----END {what}-----\n")
        };
        std::fs::write(&cert_path, pem("CERTIFICATE", &cert)).unwrap();
        std::fs::write(&key_path, pem("PRIVATE KEY", key.secret_der())).unwrap();
        Shop::with(&[&cert_path, &key_path])
    };
    let at = |shop: &Shop| format!("https://127.0.0.1:{}", shop.port);
    let trusting = format!("http.ca = \"ca.pem\"\n{SIGN_IN}");
    let good = serve((-1, 61));
    assert_eq!(seen(&world, &at(&good), &trusting).await, (true, "7 requests, 204".to_owned()));
    let why = unmeasured(&world, &at(&good), SIGN_IN).await;
    assert!(failed(&why).starts_with("1 of 7 get /login: the certificate is signed by nobody"), "{why:?}");
    let old = serve((-30, -3));
    let why = unmeasured(&world, &at(&old), &trusting).await;
    assert!(failed(&why).starts_with("1 of 7 get /login: the certificate expired 2 days ago"), "{why:?}");
}
