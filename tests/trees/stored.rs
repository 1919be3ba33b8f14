//! Trees in object stores: by the digests that they publish, and by reading.

use std::fs;
use std::path::Path;

use serde_json::json;

use super::stores::{Server, azurite, moto};
use super::{Trees, contents, differences};

/// Puts every file of `b` that a store can hold into it, below `top`, large ones in pieces.
fn upload(trees: &Trees, server: &Server) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut folders = vec![trees.path("b")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let key = path.strip_prefix(trees.path("b")).unwrap().to_str().unwrap().to_owned();
            let (key, holds) = (format!("top/{key}"), fs::read(&path).unwrap());
            runtime.block_on(async {
                if holds.len() > 5 << 20 {
                    let pieces: Vec<Vec<u8>> = holds.chunks(5 << 20).map(<[u8]>::to_vec).collect();
                    server.put_in_pieces(&key, &pieces).await;
                } else {
                    server.put(&key, &holds).await;
                }
            });
        }
    }
}

fn both_ways(start: fn(&Path) -> Server, many: usize) {
    // Signing and TLS are one library's, which the program chooses when it starts.
    let _chosen = rustls::crypto::ring::default_provider().install_default();
    let mut trees = Trees::new();
    for side in ["a", "b"] {
        for n in 0..many {
            trees.write(format!("{side}/many/{}/f{n}", n % 11), format!("file number {n}"));
        }
        trees.write(format!("{side}/many-more/x & <y>'z'"), "1");
        trees.write(format!("{side}/\u{fc}ber"), "1");
        trees.write(format!("{side}/empty"), "");
        trees.write(format!("{side}/in pieces"), vec![7; 7 << 20]);
    }
    for n in [3, 77, 140] {
        trees.write(format!("b/many/{}/f{n}", n % 11), format!("file NUMBER {n}"));
    }
    let mut other = vec![7; 7 << 20];
    other[6 << 20] = 8;
    trees.write("a/in pieces too", vec![7; 7 << 20]);
    trees.write("b/in pieces too", other);
    fs::remove_file(trees.path("b/many/7/f7")).unwrap();
    trees.write("b/many/extra", "");
    let store = tempfile::tempdir().unwrap();
    let server = start(store.path());
    upload(&trees, &server);
    trees.env.clone_from(&server.env);
    let address = format!("{}/top", server.address);

    let found = [
        ("in pieces too", "content"),
        ("many/0/f77", "content"),
        ("many/3/f3", "content"),
        ("many/7/f7", "missing"),
        ("many/8/f140", "content"),
        ("many/extra", "extra"),
    ];
    let found = found.map(|(path, kind)| (path.to_owned(), kind.to_owned()));
    let (document, exit) = trees.json(&["a", &address]);
    assert_eq!((exit, differences(&document)), (1, found.to_vec()));
    // Read are those in pieces, which have no digest, and those whose digest does not fit.
    assert_eq!(contents(&document), json!([0, 5, many - 2]));
    assert!(document["not_looked_at"].to_string().contains("times, modes and owners"), "{document:#}");
    let (document, exit) = trees.json(&["a", &address, "--full"]);
    assert_eq!((exit, differences(&document)), (1, found.to_vec()));
    assert_eq!(contents(&document), json!([0, many + 3, 0]));
    let (document, exit) = trees.json(&["b", &address]);
    assert_eq!((exit, &document["verdict"]), (0, &json!("same")), "{document:#}");
    let (document, exit) = trees.json(&[&address, &format!("{}/top/", server.address)]);
    assert_eq!((exit, contents(&document)), (0, json!([0, 2, many + 1])), "{document:#}");

    let (document, exit) = trees.json(&["a", &format!("{}/nothing-here", server.address), "--only", "empty"]);
    assert_eq!((exit, differences(&document).len()), (1, 1), "{document:#}");
    let nowhere = server.address.replace("box", "no-such-box");
    let (document, exit) = trees.json(&["a", &nowhere]);
    assert!(exit == 3 && document["why"].as_str().unwrap().contains("cannot be listed"), "{document:#}");
}

#[test]
fn s3_is_compared_by_its_digests_and_by_reading() {
    // More than one page of a listing.
    both_ways(moto, 1_050);
}

#[test]
fn azure_is_compared_by_its_digests_and_by_reading() {
    both_ways(azurite, 150);
}
