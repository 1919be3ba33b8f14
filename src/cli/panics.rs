//! When the program itself fails: the terminal is given back first, then a report is written and named.

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::panic::PanicHookInfo;
use std::path::PathBuf;

use super::print;
use crate::clock::Clock;

/// The number with which a program ends that has panicked.
const CODE: u8 = 101;

/// From now on a panic of this program leaves a report behind.
pub(super) fn install() {
    std::panic::set_hook(Box::new(|panic| {
        let report = report(panic);
        match write(&report) {
            Ok(path) => print::error(&format!(
                "this is a fault of the program ({CODE}); its report is {}. The run itself goes on: `cutover runs` says how it stands, `cutover run --resume RUN` takes it up",
                path.display()
            )),
            Err(error) => print::error(&format!(
                "this is a fault of the program; no report could be written ({error}):\n{report}"
            )),
        }
    }));
}

fn report(panic: &PanicHookInfo<'_>) -> String {
    let what = message(panic);
    let place = panic.location().map_or_else(|| "nowhere".to_owned(), ToString::to_string);
    let thread = std::thread::current().name().unwrap_or("without a name").to_owned();
    format!(
        "cutover {} at {}\nthread {thread}, {place}\n{what}\n\n{}\n",
        env!("CARGO_PKG_VERSION"),
        Clock::system().now().wall.rfc3339(),
        std::backtrace::Backtrace::force_capture()
    )
}

fn message<'a>(panic: &'a PanicHookInfo<'_>) -> &'a str {
    let payload = panic.payload();
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}

fn write(report: &str) -> std::io::Result<PathBuf> {
    let folder = crate::session::runs::place(|name| std::env::var(name).ok())
        .map_err(std::io::Error::other)?
        .with_file_name("crashes");
    crate::session::folder::private_folder(&folder).map_err(std::io::Error::other)?;
    let name = format!("{}-{}.txt", Clock::system().now().wall.compact(), std::process::id());
    let path = folder.join(name);
    let mut file = std::fs::File::options().create(true).append(true).mode(0o600).open(&path)?;
    file.write_all(report.as_bytes())?;
    Ok(path)
}
