//! The files of days: a server that could not write one, or was killed before it did, writes it later.

use std::fs;
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};

use ::parquet::file::reader::{FileReader, SerializedFileReader};
use ::parquet::record::RowAccessor;

use super::*;
use crate::projection::tests::fixture::{SITE, World};
use crate::testing::{Inside, NOW_MS, inside};

/// A projector of one's own on a server's inside, with a clock that moves.
async fn world() -> (Inside, Projector, Arc<AtomicI64>) {
    let inside = inside().await;
    // The inside's own projector would write the files.
    inside.stop.cancel();
    let now = Arc::new(AtomicI64::new(NOW_MS));
    let projector = projector(&inside, &now);
    inside.factory(&World::new(11, 2, None)).await;
    (inside, projector, now)
}

fn projector(inside: &Inside, now: &Arc<AtomicI64>) -> Projector {
    projector_on(inside, inside.context.store.clone(), now)
}

fn projector_on(inside: &Inside, store: Store, now: &Arc<AtomicI64>) -> Projector {
    let now = Arc::clone(now);
    Projector {
        store,
        logs: inside.context.logs.clone(),
        clock: Clock::new(move || now.load(Relaxed)),
        data_dir: inside.context.data_dir.clone(),
        sites: BTreeMap::new(),
    }
}

/// Steps until nothing is left to do at once.
async fn settle(projector: &mut Projector) {
    while projector.step(&Inside::site()).await.expect("stepped") {}
}

fn files(inside: &Inside) -> Vec<String> {
    let Ok(entries) = fs::read_dir(parquet::folder(inside.data_dir(), SITE)) else { return Vec::new() };
    let mut names: Vec<String> =
        entries.map(|entry| entry.expect("entry").file_name().into_string().expect("a name")).collect();
    names.sort();
    names
}

const DAYS: [&str; 3] = ["2026-03-01.parquet", "2026-03-02.parquet", "2026-03-03.parquet"];

#[tokio::test(flavor = "multi_thread")]
async fn a_day_that_could_not_be_written_is_written_when_it_can() {
    let (inside, mut projector, now) = world().await;
    // Nothing can be created below a file.
    let blocked = inside.data_dir().join("readings");
    fs::write(&blocked, b"in the way").expect("blocked");
    settle(&mut projector).await;
    fs::remove_file(&blocked).expect("removed");
    settle(&mut projector).await;
    assert_eq!(files(&inside), [""; 0], "not again and again at once");
    now.store(NOW_MS + 61_000, Relaxed);
    settle(&mut projector).await;
    assert_eq!(files(&inside), DAYS);
    inside.evidence.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_start_a_day_whose_file_is_missing_torn_or_of_fewer_leaves_is_written() {
    let (inside, mut first, now) = world().await;
    settle(&mut first).await;
    assert_eq!(files(&inside), DAYS);
    let folder = parquet::folder(inside.data_dir(), SITE);
    let whole: Vec<Vec<u8>> = DAYS.iter().map(|name| fs::read(folder.join(name)).expect("file")).collect();
    // The oldest is missing, the second torn; the third says it was written from other leaves.
    fs::remove_file(folder.join(DAYS[0])).expect("removed");
    fs::write(folder.join(DAYS[1]), &whole[1][..whole[1].len() / 2]).expect("torn");
    fs::write(folder.join(DAYS[2]), &whole[0]).expect("of other leaves");
    settle(&mut projector(&inside, &now)).await;
    for (name, whole) in DAYS.iter().zip(&whole) {
        assert!(fs::read(folder.join(name)).expect("written again") == *whole, "{name}: the same rows, the same bytes");
    }
    // What is whole is left alone: only the missing one is written.
    fs::remove_file(folder.join(DAYS[1])).expect("removed");
    let before = fs::metadata(folder.join(DAYS[0])).and_then(|file| file.modified()).expect("time");
    settle(&mut projector(&inside, &now)).await;
    assert_eq!(files(&inside), DAYS);
    assert_eq!(fs::metadata(folder.join(DAYS[0])).and_then(|file| file.modified()).expect("time"), before);
    inside.evidence.close().await;
}

/// The file a server wrote, read with a reader of its own: the sum over days is every reading of the factory.
#[tokio::test(flavor = "multi_thread")]
async fn a_servers_own_files_hold_every_reading_of_its_log() {
    let (inside, mut projector, _) = world().await;
    settle(&mut projector).await;
    let (mut rows, mut tags) = (0_i64, BTreeSet::new());
    for name in files(&inside) {
        let file = fs::File::open(parquet::folder(inside.data_dir(), SITE).join(&name)).expect("file");
        for row in SerializedFileReader::new(file).expect("reader").get_row_iter(None).expect("rows") {
            let row = row.expect("row");
            let at = jiff::Timestamp::from_millisecond(row.get_timestamp_millis(2).expect("time")).expect("time");
            let date = at.to_zoned(jiff::tz::TimeZone::UTC).date().to_string();
            assert_eq!(name, format!("{date}.parquet"));
            tags.insert(row.get_string(1).expect("tag").clone());
            rows += 1;
        }
    }
    let status = inside.context.store.gateway_statuses(SITE).await.expect("statuses");
    assert!(rows > 10_000 && rows == status[0].readings, "{rows} {}", status[0].readings);
    assert_eq!(tags.len(), 5, "{tags:?}");
    inside.evidence.close().await;
}

/// An upgrade reads for the new table what was projected before, and takes nothing away meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn a_database_of_the_first_version_keeps_its_rows_and_learns_when_tags_were_seen() {
    let (inside, mut projector, now) = world().await;
    settle(&mut projector).await;
    let store = &inside.context.store;
    let (size, shifts) = (store.projected_size(SITE).await.unwrap(), store.shift_keys(SITE).await.unwrap());
    let seen = store.seen(SITE).await.unwrap();
    assert!(!seen.is_empty() && shifts.len() > 1 && store.seen_size(SITE).await.unwrap() == size);
    store.downgrade().await;
    let store = Store::open(&inside.data_dir().join("server.db")).await.expect("upgraded");
    assert_eq!(store.projected_size(SITE).await.unwrap(), size, "nothing is evaluated again");
    assert_eq!(store.shift_keys(SITE).await.unwrap().len(), shifts.len());
    assert_eq!((store.seen_size(SITE).await.unwrap(), store.seen(SITE).await.unwrap().len()), (0, 0), "and says so");
    let mut again = projector_on(&inside, store.clone(), &now);
    again.step(&Inside::site()).await.expect("stepped");
    assert_eq!(store.seen(SITE).await.unwrap(), seen, "with the first step");
    assert_eq!(store.seen_size(SITE).await.unwrap(), size);
    store.close().await;
}
