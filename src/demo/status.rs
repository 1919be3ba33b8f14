//! Everything that the world can be asked about itself, in one answer.

use serde::{Deserialize, Serialize};

use super::client::ClientStatus;
use super::door::DoorStatus;
use super::price_job::PriceJobStatus;
use super::replicator::ReplicationStatus;

/// How the world is now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// Where users go.
    pub door: DoorStatus,
    /// How far replication is.
    pub replication: ReplicationStatus,
    /// What the price job does.
    pub price_job: PriceJobStatus,
    /// What the customers see.
    pub client: ClientStatus,
    /// Whether the target's database is where it belongs.
    pub target_here: bool,
}
