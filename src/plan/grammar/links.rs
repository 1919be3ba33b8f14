//! The two ends of a link, and which stream between them.

use super::{Kind, Named, Spec, may, must};

pub(super) static DIRECTION: Spec = Spec {
    name: "a direction",
    one_of: &[],
    keys: &[
        must("from", Kind::Ref(Named::Endpoint), "Where it starts."),
        must("to", Kind::Ref(Named::Endpoint), "Where it must arrive."),
    ],
};

pub(super) static SLOT: Spec = Spec {
    name: "a subscription",
    one_of: &[],
    keys: &[
        must("from", Kind::Ref(Named::Endpoint), "Where it starts."),
        must("to", Kind::Ref(Named::Endpoint), "Where it must arrive."),
        must("slot", Kind::Text, "The name of its slot at the source."),
    ],
};

pub(super) static CHANNEL: Spec = Spec {
    name: "a channel",
    one_of: &[],
    keys: &[
        must("from", Kind::Ref(Named::Endpoint), "Where it starts."),
        must("to", Kind::Ref(Named::Endpoint), "Where it must arrive."),
        may(
            "channel",
            Kind::Text,
            "The name of its channel, MariaDB's connection, where the target has several.",
        ),
    ],
};
