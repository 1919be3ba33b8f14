//! How a column's values are hashed and shown, in SQL.
//!
//! Owns a form for every type in which two values are the same when people would call them the same text, and nothing
//! softer: the server's own hashes pass over more than that. They fold eight bytes into four (`-1` and `4294967295`), take
//! `0.0` for `-0.0`, `1.0` for `1.00`, `-5` for `5`, `1 month` for `30 days`, and what an ICU collation takes for equal. So
//! a type's own hash is used where it is as exact as the type's text is, or can be made so; every other type is hashed as its
//! text. Each value is hashed by a function of its own: making a record of them first, which PostgreSQL can hash as one, costs
//! the server twice as much.

use super::sql::quoted;

/// Types whose own hash tells every two values apart, and is the same on every server: the function that makes it, and what a
/// value is cast to for it.
const EXACT: [(&str, &str, &str); 9] = [
    ("bool", "hashint4extended", "::int4"),
    ("int2", "hashint2extended", ""),
    ("int4", "hashint4extended", ""),
    ("oid", "hashoidextended", ""),
    ("char", "hashcharextended", ""),
    ("uuid", "uuid_hash_extended", ""),
    ("inet", "hashinetextended", ""),
    ("cidr", "hashinetextended", "::inet"),
    ("macaddr", "hashmacaddrextended", ""),
];

/// Other types of the server's own that have an order.
const ORDERED: [&str; 16] = [
    "int8",
    "numeric",
    "float4",
    "float8",
    "text",
    "varchar",
    "bpchar",
    "name",
    "bytea",
    "date",
    "time",
    "timetz",
    "timestamp",
    "timestamptz",
    "interval",
    "pg_lsn",
];

/// What a session sets to write values in one form, whatever the server, database and account are used to: names of objects
/// and sums of money too.
pub(super) const SETTINGS: &str = "set datestyle = 'ISO'; set intervalstyle = 'postgres';
    set extra_float_digits = 3; set bytea_output = 'hex'; set timezone = 'UTC'; set lc_monetary = 'C';
    set search_path = pg_catalog;";

/// Whether values of a type, by its name in `pg_type`, are compared with each other by an operator of the server's own. Of
/// others there may be none, or none that is found, or several; they are compared by what they are written as.
pub(super) fn has_an_order(base: &str) -> bool {
    ORDERED.contains(&base) || EXACT.iter().any(|(name, ..)| *name == base)
}

/// How a database keeps its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    Utf8,
    /// Bytes that the server does not know the meaning of.
    Unknown,
    /// Another one, which the server brings into UTF-8.
    Other,
}

impl Encoding {
    /// By its name in `server_encoding`.
    pub(super) fn named(name: &str) -> Encoding {
        match name {
            "UTF8" => Encoding::Utf8,
            "SQL_ASCII" => Encoding::Unknown,
            _ => Encoding::Other,
        }
    }
}

/// A column in SQL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Form {
    /// Its hash: what stands around the seed, wherever the seed stands. NULL of NULL.
    hash: Vec<String>,
    /// Its text, as bytes.
    pub(super) shown: String,
}

impl Form {
    /// Of a column by the name of its type in `pg_type`, a domain's being that which it is made of.
    pub(super) fn of(name: &str, base: &str, encoding: Encoding) -> Form {
        let c = quoted(name);
        let text = text(name, base);
        let around = |before: String, after: &str| vec![before, after.to_owned()];
        let own = EXACT.iter().find(|(name, ..)| *name == base);
        let hash = match base {
            _ if let Some((_, function, cast)) = own => around(format!("{function}({c}{cast}, "), ")"),
            // Its hash folds the upper half into the lower one. Into a seed all of it goes.
            "int8" => around(format!("hashint4extended(0, {c} # "), ")"),
            "timestamp" | "timestamptz" => instant(&c, base),
            "date" => vec![
                format!("case when isfinite({c}) then hashint4extended({c} - date '2000-01-01', "),
                format!(") else hashtextextended({text} collate \"C\", "),
                ") end".to_owned(),
            ],
            // Its hash tells apart what its text does but for the two zeros; whatever bits a NaN has, it is one (since 13.5).
            "float4" | "float8" => vec![
                format!("case when {c} = 0 then hashtextextended({text} collate \"C\", "),
                format!(") else hash{base}extended({c}, "),
                ") end".to_owned(),
            ],
            // No function that takes one can be called by its name.
            "bytea" => around(format!("hash_array_extended(array[{c}], "), ")"),
            _ => match encoding {
                Encoding::Utf8 => around(format!("hashtextextended(({text}) collate \"C\", "), ")"),
                Encoding::Unknown | Encoding::Other => return Form::as_text(name, base, encoding),
            },
        };
        Form { hash, shown: in_utf8(&text, encoding) }
    }

    /// … hashed by what it is written as, whatever its type is.
    pub(super) fn as_text(name: &str, base: &str, encoding: Encoding) -> Form {
        Form::written(&quoted(name), in_utf8(&text(name, base), encoding))
    }

    /// … of a column that is cast to a type before anything is made of it.
    pub(super) fn cast(name: &str, to: &str, encoding: Encoding) -> Form {
        let c = quoted(name);
        let shown = in_utf8(&format!("({c}::{to})::text"), encoding);
        Form::written(&c, shown)
    }

    /// … hashed as [`Form::of`] hashes a text of the same characters: a record of one value has that value's hash, but where it
    /// is nothing.
    fn written(c: &str, shown: String) -> Form {
        let before = format!("case when {c} is not null then hash_record_extended(row({shown}), ");
        Form { hash: vec![before, ") end".to_owned()], shown }
    }

    /// Its hash of 64 bits by a seed, which is not to be nought.
    pub(super) fn hashed(&self, seed: i64) -> String {
        self.hash.join(&seed.to_string())
    }
}

/// What hashes a `timestamp` or a `timestamptz`.
///
/// Its own hash folds the upper four bytes of its microseconds since 2000 into the lower four, a negative number's by their
/// complement. With the upper half, which is a stride of `date_bin`, and the sign in the seed, nothing is lost. Of the first
/// stride that there is `date_bin` refuses to say when it begins, and before their origin old servers cut strides otherwise.
fn instant(c: &str, base: &str) -> Vec<String> {
    let at = |when: &str| format!("{base} '{when}'");
    let hash = |of: &str| match base {
        // The same moment in UTC, without a look at the time zone.
        "timestamptz" => format!("timestamp_hash_extended(timezone(interval '0', {of}), "),
        _ => format!("timestamp_hash_extended({of}, "),
    };
    let upper = |from: &str| hash(&format!("date_bin(interval '4294.967296 s', {c}, {from})"));
    let (second, epoch) = (at("4714-11-24 00:53:22.37568+00 BC"), at("2000-01-01 00:00+00"));
    vec![
        format!("{}case when {c} >= {epoch} then {}", hash(c), upper(&epoch)),
        format!(") when {c} >= {second} then {}1 # ", upper(&second)),
        format!(") when {c} > {} then 2 # ", at("-infinity")),
        " else ".to_owned(),
        " end)".to_owned(),
    ]
}

/// The cast of a `character` to text takes its blanks away.
fn text(name: &str, base: &str) -> String {
    let c = quoted(name);
    if base == "bpchar" { format!("textin(bpcharout({c}))") } else { format!("{c}::text") }
}

fn in_utf8(text: &str, encoding: Encoding) -> String {
    let to = if encoding == Encoding::Unknown { "SQL_ASCII" } else { "UTF8" };
    format!("convert_to({text}, '{to}')")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_is_hashed_by_what_is_exact_for_it() {
        for (base, expected) in [
            ("bool", r#"hashint4extended("c"::int4, 7)"#),
            ("int4", r#"hashint4extended("c", 7)"#),
            ("int8", r#"hashint4extended(0, "c" # 7)"#),
            ("jsonb", r#"hashtextextended(("c"::text) collate "C", 7)"#),
            ("numeric", r#"hashtextextended(("c"::text) collate "C", 7)"#),
            ("_int4", r#"hashtextextended(("c"::text) collate "C", 7)"#),
            ("bpchar", r#"hashtextextended((textin(bpcharout("c"))) collate "C", 7)"#),
            ("bytea", r#"hash_array_extended(array["c"], 7)"#),
        ] {
            assert_eq!(Form::of("c", base, Encoding::Utf8).hashed(7), expected);
        }
    }

    #[test]
    fn text_of_another_encoding_is_hashed_as_its_characters() {
        for (encoding, to) in [("LATIN1", "UTF8"), ("SQL_ASCII", "SQL_ASCII")] {
            let form = Form::of("c", "text", Encoding::named(encoding));
            let shown = format!(r#"convert_to("c"::text, '{to}')"#);
            let hashed =
                format!("case when \"c\" is not null then hash_record_extended(row({shown}), 7) end");
            assert_eq!((form.hashed(7), form.shown), (hashed, shown));
        }
    }
}
