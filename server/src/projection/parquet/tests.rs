use ::parquet::record::RowAccessor;

use super::super::tests::List;
use super::super::tests::fixture::{HOUR, Log, MONDAY, World};
use super::*;

const PLACED: i64 = MONDAY - 5_000_000;

/// Every reading of the day comes back, row for row, in order.
#[test]
fn a_day_reads_back_row_for_row() {
    let world = World::new(7, 2, None);
    let mut log = Log::new(true);
    log.run(&world, false, |tag, minute| !(tag == 1 && minute % 7 == 0));
    let source = List::of(&log);
    let mut days = Days::default();
    for (index, leaf) in log.leaves.iter().enumerate() {
        if let LeafBody::Record { header, .. } = &leaf.body
            && header.kind == Kind::Batch
        {
            days.touch(Interval::new(header.first_ms + PLACED, header.last_ms + PLACED + 1), index as u64);
        }
    }
    let folder = tempfile::tempdir().expect("folder");
    let place = |_: &Header| Some(PLACED);
    let now_ms = MONDAY + 200 * HOUR;
    let mut found: Vec<(String, String, i64, i64, i64)> = Vec::new();
    let mut files = 0;
    while let Some(day) = days.due(now_ms) {
        let rows = write_day(&*source, folder.path(), &day, &place).expect("written");
        days.written(&day);
        files += 1;
        let file = File::open(folder.path().join(format!("{}.parquet", day.date()))).expect("file");
        let reader = SerializedFileReader::new(file).expect("reader");
        assert_eq!(reader.metadata().file_metadata().num_rows(), rows as i64);
        for row in reader.get_row_iter(None).expect("rows") {
            let row = row.expect("row");
            assert_eq!(
                (row.get_string(3).expect("type").as_str(), row.get_string(7).expect("quality").as_str()),
                ("u64", "good")
            );
            let time_ms = row.get_timestamp_millis(2).expect("time");
            assert!(day.window().contains(time_ms));
            found.push((
                row.get_string(0).expect("gateway").clone(),
                row.get_string(1).expect("tag").clone(),
                time_ms,
                row.get_long(4).expect("int"),
                row.get_long(8).expect("leaf"),
            ));
        }
        let first = reader.metadata().row_group(0);
        assert!(first.column(2).encodings().any(|encoding| encoding == Encoding::DELTA_BINARY_PACKED));
    }
    assert_eq!(files, 3, "two days in Shanghai touch three days of UTC");
    let mut wanted = Vec::new();
    for (index, leaf) in log.leaves.iter().enumerate() {
        let LeafBody::Record { header, .. } = &leaf.body else { continue };
        let Ok(Content::Batch(batch)) = Content::decode(header.kind, &log.contents[&header.content_digest]) else {
            continue;
        };
        let tags = ["press/state", "press/good", "press/reject", "press/energy", "main/energy"];
        for reading in batch.readings() {
            let Value::U64(value) = reading.value else { panic!("u64") };
            let tag = tags[reading.tag as usize].to_owned();
            wanted.push(("gw-1".to_owned(), tag, reading.boot_ms + PLACED, value as i64, index as i64));
        }
    }
    let mut sorted = found.clone();
    sorted.sort_by(|a, b| {
        (a.2.div_euclid(DAY_MS), &a.0, &a.1, a.2, a.4).cmp(&(b.2.div_euclid(DAY_MS), &b.0, &b.1, b.2, b.4))
    });
    assert_eq!(found, sorted, "sorted by gateway, tag, time within each day");
    found.sort();
    wanted.sort();
    assert_eq!(found, wanted);
}

#[test]
fn a_day_is_written_when_it_is_over_and_again_when_it_changes() {
    let mut days = Days::default();
    days.touch(Interval::new(0, 10), 5);
    assert_eq!(days.due(DAY_MS), None, "records may still be under way");
    let day = days.due(DAY_MS + GRACE_MS).expect("over");
    assert_eq!(day.date(), "1970-01-01");
    days.touch(Interval::new(20, 30), 9);
    days.written(&day);
    let again = days.due(DAY_MS + GRACE_MS).expect("a record came in the meantime");
    days.written(&again);
    assert_eq!(days.due(DAY_MS + GRACE_MS), None);
    days.touch(Interval::new(0, i64::MAX), 10);
    assert!(days.days.len() <= 9, "a broken span makes no thousand files");
    days.failed(DAY_MS + GRACE_MS);
    assert_eq!(days.due(DAY_MS + GRACE_MS + RETRY_MS - 1), None, "not again and again at once");
    assert_eq!(days.due(DAY_MS + GRACE_MS + RETRY_MS).map(|day| day.date()).as_deref(), Some("1970-01-01"));
}
