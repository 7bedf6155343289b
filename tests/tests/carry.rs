//! A gateway without a network, with the real programs: export to a stick, import at the server, receipts back. Nothing is mocked but the
//! stick, which is a folder; the network cable stays out until the last test step.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use protocol::Declaration;
use protocol::carry::{End, Piece, Reader};
use tests::evidence;
use tests::need;
use tests::proxy::Cable;
use tests::stack::{GATEWAY, Options, SITE, Stack};
use tests::trouble::{SmallDisk, now_ms};
use tests::wait;

const PATIENCE: Duration = Duration::from_secs(60);

fn stack(folder: &Path) -> Result<Stack> {
    let options = Options { workshop: &["--seed", "1"], seal_ms: 500, devices: &["press"], ..Options::default() };
    let mut stack = Stack::start(folder, &options)?;
    stack.proxy.set(Cable::Cut);
    stack.enrol_and_start_agent()?;
    Ok(stack)
}

/// Records that wait at the gateway, by its own word.
fn waiting(stack: &Stack) -> Result<u64> {
    let (_, out, err) = stack.agent("status", &["--json"])?;
    let status: serde_json::Value = serde_json::from_str(&out).with_context(|| err)?;
    status["buffer"]["undelivered_records"].as_u64().context("no number of records")
}

fn until_waiting(stack: &Stack, is_enough: impl Fn(u64) -> bool) -> Result<u64> {
    wait::until("the gateway's records", PATIENCE, || {
        let waiting = waiting(stack)?;
        Ok(is_enough(waiting).then_some(waiting))
    })
}

/// An agent command that must end well; what it said on the side.
fn carry(stack: &Stack, what: &str, stick: &Path) -> Result<(String, String)> {
    let (code, out, err) = stack.agent("carry", &[what, &stick.display().to_string()])?;
    ensure!(code == Some(0), "carry {what} ended with {code:?}\n{out}\n{err}");
    Ok((out, err))
}

/// `admin carry import`: whether everything was whole, and its words.
fn import(stack: &Stack, stick: &Path) -> Result<(bool, String)> {
    let (code, out, err) = stack.admin_ends(&["carry", "import", &stick.display().to_string()])?;
    Ok((code == Some(0), format!("{out}{err}")))
}

fn files(stick: &Path, extension: &str) -> Result<Vec<PathBuf>> {
    let entries = stick.read_dir()?.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    let mut files: Vec<_> = entries.into_iter().filter(|f| f.extension().is_some_and(|e| e == extension)).collect();
    files.sort();
    Ok(files)
}

/// How many records a file holds.
fn records(file: &Path) -> Result<u64> {
    let mut reader = Reader::open(std::fs::File::open(file)?)??.context("no head")?;
    let mut count = 0;
    loop {
        match reader.next_piece()? {
            Piece::Message(_) => count += 1,
            Piece::End(end) => {
                ensure!(end == End::Whole, "{} is {end:?}", file.display());
                return Ok(count);
            }
        }
    }
}

/// The statements of carriage under the site's checkpoint: first and last.
fn stated(stack: &Stack) -> Result<Vec<(u64, u64)>> {
    let statements = evidence::statements(&stack.site_folder(), "records_carried")?;
    let range = |statement: &Declaration| {
        let body = &statement.body;
        ensure!(body["gateway"] == GATEWAY, "{body}");
        Ok((body["first"].as_u64().context("first")?, body["last"].as_u64().context("last")?))
    };
    statements.iter().map(range).collect()
}

#[test]
fn records_go_by_stick_and_only_their_receipts_let_the_gateway_forget() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let stick = folder.path().join("stick");
    std::fs::create_dir(&stick)?;
    let mut stack = stack(folder.path())?;
    let waited = until_waiting(&stack, |waiting| waiting >= 12)?;

    let (printed, said) = carry(&stack, "export", &stick)?;
    let exported = files(&stick, "records")?;
    ensure!(exported.len() == 1 && printed.trim() == exported[0].display().to_string(), "{printed}");
    let count = records(&exported[0])?;
    ensure!(count >= waited && said.contains(&format!("{count} records are exported in 1 file(s)")), "{said}");
    ensure!(waiting(&stack)? >= count, "exporting lets nothing go");
    // Nothing to read back yet.
    let (code, _, err) = stack.agent("carry", &["receipts", &stick.display().to_string()])?;
    ensure!(code == Some(1) && err.contains("there is no *.receipts file of this gateway"), "{err}");

    let (whole, said) = import(&stack, &stick)?;
    ensure!(whole && said.contains(&format!("{count} taken, 0 were there already")), "{said}");
    ensure!(stated(&stack)? == [(0, count - 1)], "{:?}", stated(&stack)?);
    let (whole, said) = import(&stack, &stick)?;
    ensure!(whole && said.contains(&format!("0 taken, {count} were there already")), "{said}");
    ensure!(waiting(&stack)? >= count, "the gateway has not heard of it");

    let (said, _) = carry(&stack, "receipts", &stick)?;
    ensure!(said.starts_with(&format!("{count} records are confirmed by receipts")), "{said}");
    until_waiting(&stack, |waiting| waiting < count)?;

    // The next round begins behind what is receipted.
    stack.stop_agent()?;
    stack.start_agent()?;
    until_waiting(&stack, |waiting| waiting >= 4)?;
    // An old stick after a restart, when nothing is known of the server any more: nothing is taken back.
    let (said, _) = carry(&stack, "receipts", &stick)?;
    ensure!(said.starts_with("0 records are confirmed by receipts"), "{said}");
    let next = folder.path().join("next");
    std::fs::create_dir(&next)?;
    carry(&stack, "export", &next)?;
    let name = files(&next, "records")?[0].display().to_string();
    ensure!(name.ends_with(&format!(".{count:016}.records")), "{name}");
    let (whole, said) = import(&stack, &next)?;
    ensure!(whole && said.contains(", 0 were there already"), "{said}");
    carry(&stack, "receipts", &next)?;
    ensure!(stated(&stack)?.len() == 2, "{:?}", stated(&stack)?);

    // The cable is put in: the rest goes by network, in the same chain, and the log is sound.
    stack.proxy.set(Cable::Whole);
    let evidence = stack.wait_logged(now_ms(), PATIENCE)?;
    ensure!(!evidence.readings.is_empty() && stated(&stack)?.len() == 2);
    stack.server("fsck", &[SITE])?;
    stack.stop()
}

#[test]
fn a_stick_pulled_out_half_way_loses_nothing() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let stick = folder.path().join("stick");
    std::fs::create_dir(&stick)?;
    let stack = stack(folder.path())?;
    until_waiting(&stack, |waiting| waiting >= 12)?;
    if need::is_root() {
        let disk = SmallDisk::mount(&stick, 1)?;
        ensure!(std::fs::write(stick.join("holiday.jpg"), vec![0; 2 * 1024 * 1024]).is_err(), "there is still room");
        let (code, _, err) = stack.agent("carry", &["export", &stick.display().to_string()])?;
        ensure!(code == Some(1) && err.contains("the stick is full"), "{code:?} {err}");
        ensure!(err.contains("Nothing is lost at the gateway; the 0 file(s) written so far"), "{err}");
        ensure!(files(&stick, "records")?.is_empty(), "no file that looks whole");
        drop(disk);
    } else {
        need::skip("a full stick", "mounting a small disk needs root; run the test as root to fill one");
    }

    carry(&stack, "export", &stick)?;
    let file = files(&stick, "records")?.pop().context("a file")?;
    let count = records(&file)?;
    // What a pulled stick leaves: half a file without its name.
    let bytes = std::fs::read(&file)?;
    std::fs::remove_file(&file)?;
    std::fs::write(file.with_added_extension("part"), &bytes[..bytes.len() / 2])?;
    let (whole, said) = import(&stack, &stick)?;
    ensure!(!whole && said.contains("The file is cut off (usually a stick pulled out half-way)"), "{said}");
    ensure!(said.contains("Nothing is lost at the gateway: export again there"), "{said}");
    let [(0, half)] = stated(&stack)?[..] else { anyhow::bail!("{:?}", stated(&stack)?) };
    ensure!(half + 1 < count, "half a file holds everything");

    // Its receipt lets go of that half, and the second export goes on behind it.
    let (said, _) = carry(&stack, "receipts", &stick)?;
    ensure!(said.starts_with(&format!("{} records are confirmed", half + 1)), "{said}");
    carry(&stack, "export", &stick)?;
    let (_, said) = import(&stack, &stick)?;
    ensure!(stated(&stack)?.get(1).is_some_and(|next| next.0 == half + 1), "{said}");
    carry(&stack, "receipts", &stick)?;
    stack.server("fsck", &[SITE])?;
    stack.stop()
}
