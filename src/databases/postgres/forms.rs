//! How a column's values are hashed and shown, in SQL.
//!
//! Owns a form for every type in which two values are the same when people would call them the same text, and nothing
//! softer: the server's own hashes pass over more than that. They fold eight bytes into four (`-1` and `4294967295`), take
//! `0.0` for `-0.0`, `1.0` for `1.00`, `1 month` for `30 days`, and what an ICU collation takes for equal. So they are used
//! where they are as exact as the type's text is; times go in as the bytes that the server would send, whole numbers of
//! eight bytes with their upper half beside them, and every other type as its text.

use super::sql::quoted;

/// Types whose own hash tells every two values apart, and is the same on every server.
const BY_VALUE: [&str; 11] =
    ["bool", "int2", "int4", "oid", "char", "date", "uuid", "bytea", "inet", "cidr", "macaddr"];

/// Types of eight bytes and more that are hashed by what they are sent as.
const AS_SENT: [&str; 5] = ["time", "timetz", "timestamp", "timestamptz", "pg_lsn"];

/// Other types of the server's own that have an order.
const ORDERED: [&str; 9] =
    ["int8", "numeric", "float4", "float8", "text", "varchar", "bpchar", "name", "interval"];

/// What a session sets to write values in one form, whatever the server, database and account are used to: names of objects
/// and sums of money too.
pub(super) const SETTINGS: &str = "set datestyle = 'ISO'; set intervalstyle = 'postgres';
    set extra_float_digits = 3; set bytea_output = 'hex'; set timezone = 'UTC'; set lc_monetary = 'C';
    set search_path = pg_catalog;";

/// Whether values of a type, by its name in `pg_type`, are compared with each other by an operator of the server's own. Of
/// others there may be none, or none that is found, or several; they are compared by what they are written as.
pub(super) fn has_an_order(base: &str) -> bool {
    BY_VALUE.iter().chain(&AS_SENT).chain(&ORDERED).any(|name| *name == base)
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
    /// What is hashed of it: one value or several, as they stand in a row.
    pub(super) hashed: String,
    /// Its text, as bytes.
    pub(super) shown: String,
}

impl Form {
    /// Of a column by the name of its type in `pg_type`, a domain's being that which it is made of.
    pub(super) fn of(name: &str, base: &str, encoding: Encoding) -> Form {
        let c = quoted(name);
        // The cast of a `character` to text takes its blanks away.
        let text = if base == "bpchar" { format!("textin(bpcharout({c}))") } else { format!("{c}::text") };
        let hashed = match base {
            _ if BY_VALUE.contains(&base) => c,
            // Its hash folds the upper half into the lower one, so that with the upper half beside it nothing is lost.
            "int8" => format!("{c}, ({c} >> 32)::int4"),
            _ if AS_SENT.contains(&base) => {
                let underscore = if base.ends_with(|c: char| c.is_ascii_digit()) { "" } else { "_" };
                format!("{base}{underscore}send({c})")
            }
            // Its digits, their scale, and whether it is a number: what its text is made of, and cheaper.
            "numeric" => format!("numeric_send({c})"),
            // Its hash tells apart what its text does but for the two zeros; whatever bits a NaN has, it is one (since 13.5).
            "float4" | "float8" => format!("{c}, case when {c} = 0 then {base}send({c}) end"),
            // Its text behind a byte that says 1, which a server has sooner than its text. Where it cannot know that the text is
            // UTF-8, it would refuse to send it.
            "jsonb" if encoding == Encoding::Unknown => {
                format!("decode('01', 'hex') || {}", in_utf8(&text, encoding))
            }
            "jsonb" => format!("jsonb_send({c})"),
            _ => match encoding {
                Encoding::Utf8 => format!("({text}) collate \"C\""),
                Encoding::Unknown | Encoding::Other => in_utf8(&text, encoding),
            },
        };
        Form { hashed, shown: in_utf8(&text, encoding) }
    }

    /// … of a column that is cast to a type before anything is made of it.
    pub(super) fn cast(name: &str, to: &str, encoding: Encoding) -> Form {
        let shown = in_utf8(&format!("({}::{to})::text", quoted(name)), encoding);
        Form { hashed: shown.clone(), shown }
    }

    /// … hashed by what it is written as, whatever its type is.
    pub(super) fn into_text(self) -> Form {
        Form { hashed: self.shown.clone(), shown: self.shown }
    }
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
            ("int4", "\"c\""),
            ("int8", "\"c\", (\"c\" >> 32)::int4"),
            ("timestamptz", "timestamptz_send(\"c\")"),
            ("pg_lsn", "pg_lsn_send(\"c\")"),
            ("float4", "\"c\", case when \"c\" = 0 then float4send(\"c\") end"),
            ("jsonb", "jsonb_send(\"c\")"),
            ("numeric", "numeric_send(\"c\")"),
            ("interval", "(\"c\"::text) collate \"C\""),
            ("_int4", "(\"c\"::text) collate \"C\""),
            ("bpchar", "(textin(bpcharout(\"c\"))) collate \"C\""),
        ] {
            assert_eq!(Form::of("c", base, Encoding::Utf8).hashed, expected);
        }
    }

    #[test]
    fn text_of_another_encoding_is_hashed_as_its_characters() {
        let latin = Form::of("c", "text", Encoding::named("LATIN1"));
        assert_eq!(
            (latin.hashed.as_str(), latin.shown.as_str()),
            ("convert_to(\"c\"::text, 'UTF8')", "convert_to(\"c\"::text, 'UTF8')")
        );
        assert_eq!(
            Form::of("c", "text", Encoding::named("SQL_ASCII")).hashed,
            "convert_to(\"c\"::text, 'SQL_ASCII')"
        );
    }
}
