//! A row that every server has to hash alike, before anything is made of its hashes.
//!
//! One value for each way in which a type is written ([`super::forms`]): what another version or setting writes otherwise
//! shows here, and not as rows that differ.

use super::forms::{Form, hash};

/// Types as `information_schema.columns.data_type` has them, each with a value on which servers could disagree.
const KNOWN: [(&str, &str); 13] = [
    ("bigint", "cast(-9223372036854775808 as signed)"),
    ("bigint", "cast(18446744073709551615 as unsigned)"),
    ("bit", "b'101'"),
    ("double", "1e0 / 3"),
    ("double", "-1e-300"),
    ("float", "-0e0"),
    ("decimal", "cast(-1.02 as decimal(20, 4))"),
    ("varchar", "convert(x'61C3A9F09F988020' using utf8mb4)"),
    ("longtext", "cast(null as char)"),
    ("blob", "x'00FF'"),
    ("date", "cast('0044-03-15' as date)"),
    ("datetime", "cast('2038-01-19 03:14:08.000001' as datetime(6))"),
    ("time", "cast('-838:59:58.5' as time(1))"),
];

/// The question for the hash of the row.
pub(super) fn question() -> String {
    let named = || KNOWN.iter().enumerate().map(|(i, (ty, value))| (format!("c{i}"), ty, value));
    let forms: Vec<Form> = named().map(|(name, ty, _)| Form::of(&name, ty, "utf8mb4")).collect();
    let columns: Vec<String> = named().map(|(name, _, value)| format!("{value} as {name}")).collect();
    format!("select {} from (select {}) known", hash(forms.iter()), columns.join(", "))
}
