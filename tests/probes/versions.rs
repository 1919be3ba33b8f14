//! Releases that say their version, on a real server: the monitor that holds it still.

use cutover::clock::Timestamp;
use cutover::engine::reading::Unmeasured;
use cutover::plan::model::{HttpProbe, HttpRequest, ProbeKind, VersionProbe};
use cutover::plan::secret::{Part, Template};

use crate::common::{World, failed, findings};
use crate::watched::{ok, says};

fn at(url: &str, pointer: Option<&str>) -> ProbeKind {
    let http = HttpProbe::of(HttpRequest::get(Template::plain(url)), None);
    ProbeKind::Version(VersionProbe { http, pointer: pointer.map(str::to_owned) })
}

#[tokio::test]
async fn another_version_is_a_breach_that_names_both() {
    let world = World::new();
    let (url, answer) = says(&ok("", r#"{"version": "1.4.2", "uptime": 17}"#)).await;
    let kind = || at(&url, Some("/version"));
    let (seen, baseline) = world.baseline(kind()).await;
    assert_eq!((seen.pass, seen.text.as_str()), (true, "1.4.2, noted"));

    *answer.lock().unwrap() = ok("", r#"{"version": "1.4.2", "uptime": 18}"#);
    let seen = world.against(kind(), &baseline).await.result.unwrap();
    assert_eq!((seen.pass, seen.text.as_str()), (true, "1.4.2, unchanged"));

    let headers = "date: Sat, 05 Dec 2026 22:10:00 GMT\r\nlast-modified: Sat, 05 Dec 2026 22:04:05 GMT\r\n";
    *answer.lock().unwrap() = ok(headers, r#"{"version": "1.5.0"}"#);
    let seen = world.against(kind(), &baseline).await.result.unwrap();
    assert_eq!((seen.pass, seen.text.as_str()), (false, "/version 1.4.2 became 1.5.0"));
    assert_eq!(findings(&seen)[0].when.map(Timestamp::rfc3339).unwrap(), "2026-12-05T22:04:05.000Z");

    // Of now says nothing of since when.
    let headers = "date: Sat, 05 Dec 2026 22:10:00 GMT\r\nlast-modified: Sat, 05 Dec 2026 22:10:00 GMT\r\n";
    *answer.lock().unwrap() = ok(headers, r#"{"version": "1.5.0"}"#);
    let seen = world.against(kind(), &baseline).await.result.unwrap();
    assert_eq!(findings(&seen)[0].when, None);
}

#[tokio::test]
async fn several_values_and_whole_answers_are_held_too() {
    let world = World::new();
    let (url, answer) = says(&ok("", r#"{"parts": {"web": "1.4", "api": "7", "old": "1"}}"#)).await;
    let kind = || at(&url, Some("/parts"));
    let (seen, baseline) = world.baseline(kind()).await;
    assert_eq!(seen.text, "noted, 3 values");
    *answer.lock().unwrap() = ok("", r#"{"parts": {"web": "1.5", "api": "7", "new": "2"}}"#);
    let seen = world.against(kind(), &baseline).await.result.unwrap();
    let said: Vec<_> = findings(&seen).iter().map(|f| format!("{} {}", f.what, f.change)).collect();
    assert_eq!(said, ["/parts/new added, 2", "/parts/old removed, was 1", "/parts/web 1.4 became 1.5"]);

    let kind = || at(&url, None);
    *answer.lock().unwrap() = ok("", "v7\n");
    let (_, baseline) = world.baseline(kind()).await;
    *answer.lock().unwrap() = ok("", &"a long page\n".repeat(30));
    let seen = world.against(kind(), &baseline).await.result.unwrap();
    assert!(seen.text.starts_with("the answer v7 became ") && !seen.text.contains("page"), "{}", seen.text);
}

#[tokio::test]
async fn what_says_no_version_is_not_unchanged() {
    let world = World::new();
    let (url, answer) = says(&ok("", r#"{"version": "1.4.2"}"#)).await;
    let kind = || at(&url, Some("/version"));
    let (_, baseline) = world.baseline(kind()).await;
    let plain = "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n".to_owned();
    for (now, why) in [
        (plain, "503, expected 2xx: the version is not known"),
        (ok("", "<html></html>"), "the answer is no JSON: it is a page of markup"),
        (ok("", r#"{"v": "1.4.2"}"#), "/version is not in the answer: the version is not known"),
        (ok("", r#"{"version": null}"#), "/version is empty: it says no version"),
    ] {
        *answer.lock().unwrap() = now;
        assert_eq!(failed(&world.against(kind(), &baseline).await.result.unwrap_err()), why);
    }
    let nobody = at("http://127.0.0.1:1/version", None);
    let gone = world.against(nobody, &baseline).await.result.unwrap_err();
    assert!(matches!(gone, Unmeasured::NotReachable(_)), "{gone:?}");
}

#[tokio::test]
async fn a_secret_that_comes_back_is_neither_told_nor_kept() {
    let world = World::new();
    std::fs::write(world.path().join("token"), "s3cr3t-t0ken").unwrap();
    let (url, answer) = says(&ok("", "1.0 for s3cr3t-t0ken")).await;
    let kind = || {
        let ProbeKind::Version(mut probe) = at(&url, None) else { unreachable!() };
        let token = Template::new(vec![Part::File("token".into())]);
        probe.http.requests[0].headers.push(("x-token".to_owned(), token));
        ProbeKind::Version(probe)
    };
    let looked = world.look(kind()).await;
    assert!(!format!("{looked:?}").contains("s3cr3t"), "{looked:?}");
    *answer.lock().unwrap() = ok("", "1.1 for s3cr3t-t0ken");
    let looked = world.against(kind(), &looked.baseline.unwrap()).await;
    assert_eq!(looked.result.as_ref().unwrap().text, "the answer 1.0 for ••• became 1.1 for •••");
    assert!(!format!("{looked:?}").contains("s3cr3t"), "{looked:?}");
}
