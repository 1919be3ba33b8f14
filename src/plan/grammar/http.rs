//! Exchanges over HTTP, one by itself or several in a flow, and what their answers are held to.

use super::measured::{
    AT_LEAST, AT_MOST, EXPECT_HAS, EXPECT_IS, EXPECT_JSON, EXPECT_MATCHES, EXPECT_TEXT, NUMBER,
};
use super::{Key, Kind, Names, Spec, beside, may};

pub(super) static HTTP: Spec = Spec {
    name: "an HTTP exchange",
    one_of: &["get", "head", "post", "put", "patch", "delete", "flow"],
    keys: &[
        GET,
        HEAD,
        POST,
        PUT,
        PATCH,
        DELETE,
        may(
            "flow",
            Kind::Tables(&REQUEST),
            "Several requests, one after the other, as one user with a jar of cookies makes them; the first that is not as expected ends it.",
        ),
        beside(
            "hosts",
            Kind::Texts,
            &["flow"],
            "Further hosts to which a link that was kept may lead; those of its own urls are known.",
        ),
        beside("headers", HEADERS, EACH, "Header lines."),
        BODY,
        FORM,
        JSON,
        may("ca", Kind::Text, "A PEM file of roots to trust instead of the system's."),
        beside("expect", EXPECT, EACH, "What must come back; any 2xx where it is not given."),
    ],
};

static REQUEST: Spec = Spec {
    name: "a request",
    one_of: EACH,
    keys: &[
        GET,
        HEAD,
        POST,
        PUT,
        PATCH,
        DELETE,
        may("headers", HEADERS, "Header lines."),
        BODY,
        FORM,
        JSON,
        may(
            "timeout",
            Kind::Duration,
            "This request may take this long; what is left of the whole where it is not given.",
        ),
        may("expect", EXPECT, "What must come back; any 2xx where it is not given."),
        may(
            "keep",
            Kind::Map(&Kind::Table(&KEPT), Names::Variables),
            "What later requests of this flow write as ${kept:NAME} in urls, headers and bodies; never shown.",
        ),
    ],
};

static KEPT: Spec = Spec {
    name: "what is kept",
    one_of: &["json", "header", "cookie", "match"],
    keys: &[
        may("json", Kind::Text, "JSON pointer to a text, a number, true or false in the answer."),
        may("header", Kind::Text, "A header of the answer."),
        may("cookie", Kind::Text, "A cookie that is sent to where the answer came from."),
        may(
            "match",
            Kind::Text,
            "A regular expression with one group: what the group matches first in the answer.",
        ),
    ],
};

pub(super) static HTTP_EXPECT: Spec = Spec {
    name: "`expect`",
    one_of: &[],
    keys: &[
        may(
            "status",
            Kind::Status,
            "The status, a class of them as \"2xx\", or a list; any 2xx where it is not given.",
        ),
        may("within", Kind::Duration, "The whole answer must be there within this."),
        may("headers", Kind::Map(&Kind::Text, Names::Free), "Headers, and the text that must stand in each."),
        EXPECT_TEXT,
        EXPECT_MATCHES,
        EXPECT_JSON,
        EXPECT_HAS,
        EXPECT_IS,
        AT_MOST,
        AT_LEAST,
        NUMBER,
    ],
};

const EACH: &[&str] = &["get", "head", "post", "put", "patch", "delete"];
const SENDS: &[&str] = &["post", "put", "patch"];
const HEADERS: Kind = Kind::Map(&Kind::Secret, Names::Free);
const EXPECT: Kind = Kind::Table(&HTTP_EXPECT);

const GET: Key = may("get", Kind::Secret, "The URL that is asked.");
const HEAD: Key = may("head", Kind::Secret, "The URL whose headers are asked.");
const POST: Key = may("post", Kind::Secret, "The URL that is sent to.");
const PUT: Key = may("put", Kind::Secret, "The URL at which something is put.");
const PATCH: Key = may("patch", Kind::Secret, "The URL of what is changed.");
const DELETE: Key = may("delete", Kind::Secret, "The URL of what is deleted.");
const BODY: Key = beside("body", Kind::Secret, SENDS, "What is sent, as it stands.");
const FORM: Key = beside("form", HEADERS, SENDS, "The fields of a form, sent as a browser does.");
const JSON: Key = beside("json", Kind::Body, SENDS, "What is sent, as JSON.");
