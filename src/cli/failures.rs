//! What each error of the layers below is to a script: which number the program ends with.

use super::exit::{Exit, Failure};
use crate::journal::{LockError, StartError};
use crate::session::client::ConnectError;
use crate::session::core::Fatal;
use crate::session::engine::EngineError;
use crate::session::feed::FeedError;
use crate::session::folder::RunError;
use crate::session::launch::LaunchError;
use crate::session::runs::WhichRun;

impl From<WhichRun> for Failure {
    fn from(error: WhichRun) -> Failure {
        Failure::usage(error.to_string())
    }
}

impl From<RunError> for Failure {
    fn from(error: RunError) -> Failure {
        let exit = match &error {
            RunError::Folder(_) | RunError::File { .. } => Exit::Journal,
            RunError::NotARun { .. } => Exit::Usage,
        };
        Failure::new(exit, error.to_string())
    }
}

impl From<FeedError> for Failure {
    fn from(error: FeedError) -> Failure {
        match error {
            FeedError::Run(error) => error.into(),
            FeedError::Plan { .. } | FeedError::Journal(_) => Failure::new(Exit::Journal, error.to_string()),
        }
    }
}

impl From<LaunchError> for Failure {
    fn from(error: LaunchError) -> Failure {
        let exit = match &error {
            LaunchError::Held(_) => Exit::Held,
            LaunchError::Folder(_) => Exit::Journal,
            LaunchError::Ended { code: Some(code), .. } => {
                Exit::of_code(*code).filter(|exit| *exit != Exit::Done).unwrap_or(Exit::NotProved)
            }
            LaunchError::Ended { code: None, .. } | LaunchError::Detach(_) | LaunchError::NotUp { .. } => {
                Exit::NotProved
            }
        };
        Failure::new(exit, error.to_string())
    }
}

impl From<ConnectError> for Failure {
    fn from(error: ConnectError) -> Failure {
        let exit = match &error {
            ConnectError::Held { .. } => Exit::Held,
            ConnectError::Socket(_) | ConnectError::Refused(_) | ConnectError::Io(_) => Exit::NotProved,
        };
        Failure::new(exit, error.to_string())
    }
}

impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Failure {
        let exit = match &error {
            EngineError::Lock(LockError::Held { .. }) => Exit::Held,
            EngineError::Run(RunError::NotARun { .. })
            | EngineError::Missing(_)
            | EngineError::Fatal(Fatal::Over) => Exit::Usage,
            EngineError::Run(_)
            | EngineError::Lock(LockError::Folder(_))
            | EngineError::Plan(_)
            | EngineError::Fatal(
                Fatal::Start(StartError::Folder(_) | StartError::Space { .. } | StartError::Damaged(_))
                | Fatal::Append(_)
                | Fatal::Record(_)
                | Fatal::NotThisPlan(_)
                | Fatal::Restless(_),
            ) => Exit::Journal,
            EngineError::Socket(_) | EngineError::Machine(_) => Exit::NotProved,
        };
        Failure::new(exit, error.to_string())
    }
}
