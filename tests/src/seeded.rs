//! A simulated firm with weeks of history behind it and everything live: what the demo shows, the browser walks and the
//! documentation's pictures are taken of.
//!
//! The history goes the way of every gateway: enrolment, signed records, MQTT. Half of it lies before the retrofit.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use crate::programs;
use crate::stack::{Options, SITE, Stack};
use crate::trouble::now_ms;
use crate::wait;

/// The gateway that brings the history.
pub const HISTORY: &str = "gw-history";
const SEED: &str = "1";

/// Starts the firm with `weeks` (an even number) of history. `said` hears what is going on; `stop` is asked again and again
/// while the history is produced. `None` when it was stopped, everything ended.
///
/// # Errors
/// When one of the programs fails; with its last words.
pub fn start(folder: &Path, weeks: u32, said: &dyn Fn(&str), stop: &mut dyn FnMut() -> bool) -> Result<Option<Stack>> {
    let until = now_ms().to_string();
    let (weeks, half) = (weeks.to_string(), (weeks / 2).to_string());
    let rest_day = rest_day();
    let when = [
        "--seed",
        SEED,
        "--hall",
        "--weeks",
        &weeks,
        "--retrofit-week",
        &half,
        "--until",
        &until,
        "--rest-day",
        rest_day,
    ];
    let mut command = Command::new(programs::path("gongzheng-sim"));
    let span: Value =
        serde_json::from_str(&programs::output(command.arg("span").args(when), Duration::from_secs(30))?)?;
    let instant =
        |key: &str| span[key].as_i64().map(|v| v.to_string()).with_context(|| format!("the span has no {key}"));
    let (epoch, retrofit) = (instant("epoch_ms")?, instant("retrofit_ms")?);

    said("starting the simulated workshop and the server");
    let workshop = ["--seed", SEED, "--hall", "--epoch", &epoch, "--retrofit-at", &retrofit, "--rest-day", rest_day];
    let options = Options { workshop: &workshop, ..Options::default() };
    let mut stack = Stack::start(folder, &options)?;

    said("the firm states its calendar, machines, cycle times and plan");
    let stated: Vec<&str> = when.iter().copied().chain(["--history-gateway", HISTORY]).collect();
    stack.declare(&stated)?;

    said(&format!("producing {weeks} weeks of signed history, {half} before and {half} after the retrofit"));
    let code = stack.code(HISTORY)?;
    let address = stack.enrol_address();
    let state = folder.join("history");
    let mut history = Command::new(programs::path("gongzheng-sim"));
    history.arg("history").args(when).args(["--server-enrol", &address, "--code", &code, "--state-dir"]).arg(&state);
    let mut history = programs::Running::start("history", &history, folder)?;
    let delivered = wait::until("the history to be delivered", Duration::from_secs(1_800), || {
        if stop() {
            return Ok(Some(None));
        }
        wait::pause(Duration::from_millis(200));
        Ok(history.ended()?.map(Some))
    })?;
    match delivered {
        None => return stack.stop().map(|()| None),
        Some(false) => bail!("the history failed:\n{}", history.tail()),
        Some(true) => {}
    }

    said("the live gateway enrols and starts reading");
    stack.enrol_and_start_agent()?;
    Ok(Some(stack))
}

/// The plan the firm declared.
///
/// # Errors
/// When it declared none.
pub fn plan(stack: &Stack) -> Result<String> {
    let text = std::fs::read_to_string(stack.folder.join("declarations.json"))?;
    let list: Vec<Value> = serde_json::from_str(&text)?;
    let plan = list.iter().find(|d| d["kind"] == "plan").context("the firm declared no plan")?;
    Ok(plan["body"]["plan"].as_str().context("a plan has an id")?.to_owned())
}

/// Issues the report of the firm's plan and returns what the server printed: the path of its bundle.
///
/// # Errors
/// When the server refuses.
pub fn report(stack: &Stack) -> Result<String> {
    stack.server("report", &["--site", SITE, "--plan", &plan(stack)?])
}

/// A new administrator and the password the server printed.
///
/// # Errors
/// When the server refuses.
pub fn administrator(stack: &Stack, name: &str) -> Result<String> {
    let printed = stack.admin(&["user", "add", "--name", name, "--role", "administrator"])?;
    Ok(printed.trim().lines().last().unwrap_or_default().to_owned())
}

/// A person who speaks for the firm: sees matters to verify first, and answers them.
///
/// # Errors
/// When the server refuses.
pub fn firm(stack: &Stack, name: &str) -> Result<String> {
    let scope = format!("site:{SITE}");
    let printed = stack.admin(&["user", "add", "--name", name, "--role", "firm", "--scope", &scope])?;
    Ok(printed.trim().lines().last().unwrap_or_default().to_owned())
}

/// The date at the firm, `YYYY-MM-DD`.
pub fn date(utc_ms: i64) -> String {
    simulators::calendar::iso_date((utc_ms + 8 * 3_600_000).div_euclid(86_400_000))
}

/// A rest day three days from today in the firm's zone, so that today is worked.
fn rest_day() -> &'static str {
    let days = (now_ms() + 8 * 3_600_000) / 86_400_000;
    // 1970-01-01 was a Thursday.
    let weekday = (days + 3 + 3) % 7;
    ["mon", "tue", "wed", "thu", "fri", "sat", "sun"][usize::try_from(weekday).unwrap_or(0)]
}
