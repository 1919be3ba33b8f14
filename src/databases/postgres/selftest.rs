//! A row that every server has to hash alike, before anything is made of its hashes.
//!
//! One value for each way in which a type is hashed ([`super::forms`]): what another version, machine or build writes or
//! hashes otherwise shows here, and not as rows that differ.

use super::forms::{Encoding, Form};

/// Types by their name in `pg_type`, each with a value on which servers could disagree.
const KNOWN: [(&str, &str); 34] = [
    ("bool", "true"),
    ("char", "x"),
    ("int2", "-2"),
    ("int4", "-2147483648"),
    ("int8", "-4294967297"),
    ("oid", "4294967295"),
    ("float4", "0.1"),
    ("float8", "-0"),
    ("float8", "NaN"),
    ("numeric", "-1.0200"),
    ("numeric", "NaN"),
    ("money", "-1234.50"),
    ("text", "a 'B' "),
    ("bpchar", "a "),
    ("name", "a"),
    ("bytea", "\\x00ff"),
    ("date", "0044-03-15 BC"),
    ("date", "infinity"),
    ("time", "23:59:59.999999"),
    ("timetz", "12:00:00+05:45"),
    ("timestamp", "1999-12-31 23:59:59.999999"),
    ("timestamp", "-infinity"),
    ("timestamptz", "2038-01-19 03:14:08.5+00"),
    ("interval", "1 mon -1 day 00:00:00.000001"),
    ("uuid", "00000000-0000-0000-0000-0000000000ff"),
    ("inet", "::1/64"),
    ("macaddr", "08:00:2b:01:02:03"),
    ("pg_lsn", "1/0"),
    ("varbit", "101"),
    ("point", "(0.1,-0)"),
    ("jsonb", "{\"b\": 1.0, \"a\": []}"),
    ("tsvector", "fat:1A cat"),
    ("_float8", "{0.1,1e-300,Infinity}"),
    ("_timestamptz", "{2000-01-01 00:00:00+00}"),
];

/// What hashes the row: its forms, and what stands behind `from`.
pub(super) fn row(encoding: Encoding) -> (Vec<Form>, String) {
    let named = || KNOWN.iter().enumerate().map(|(i, (base, value))| (format!("c{i}"), base, value));
    let forms = named().map(|(name, base, _)| Form::of(&name, base, encoding)).collect();
    let columns: Vec<String> = named()
        .map(|(name, base, value)| {
            format!("E'{}'::pg_catalog.\"{base}\" as {name}", value.replace('\\', "\\\\").replace('\'', "''"))
        })
        .collect();
    (forms, format!("(select {}) known", columns.join(", ")))
}
