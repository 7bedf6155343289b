use super::*;
use crate::roles::{Access, Permission, shipped};

impl Store {
    /// What an operator may do to a role with SQLite's own tool.
    pub(crate) async fn write_role(&self, (id, zh, en, permissions): &(&str, &str, &str, String)) {
        let change = "UPDATE role SET name_zh = ?2, name_en = ?3, permissions = ?4 WHERE id = ?1";
        let change = sqlx::query(change).bind(*id).bind(*zh).bind(*en).bind(permissions);
        assert_eq!(change.execute(&self.write).await.unwrap().rows_affected(), 1);
    }

    /// Makes of an open database what the first version of this program had left.
    pub(crate) async fn downgrade(&self) {
        for sql in [
            "DROP TABLE tag_seen",
            "DROP TABLE portfolio",
            "DROP TABLE bill_compared",
            "ALTER TABLE projected DROP COLUMN seen",
            "DELETE FROM schema_version WHERE version > 1",
            "UPDATE role SET permissions = '[\"see_figures\"]' WHERE id IN ('city', 'finance', 'district', 'supervisor')",
            "UPDATE role SET permissions = '[\"see_figures\",\"see_raw\",\"issue_report\"]' WHERE id = 'assessor'",
            "UPDATE role SET permissions = '[\"see_figures\",\"issue_report\"]' WHERE id = 'centre'",
        ] {
            sqlx::query(sql).execute(&self.write).await.unwrap();
        }
    }
}

async fn fresh() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().expect("temporary folder");
    let store = Store::open(&folder.path().join("server.db")).await.expect("store");
    (folder, store)
}

fn site(id: &str) -> SiteRow {
    SiteRow {
        id: id.into(),
        name_zh: format!("工厂 {id}"),
        name_en: format!("works {id}"),
        city: "昆明市".into(),
        district: "呈贡区".into(),
        sub_sector: "医药制造".into(),
        time_zone: "Asia/Shanghai".into(),
        simulated: true,
        created_ms: 5,
    }
}

#[tokio::test]
async fn a_database_written_by_a_newer_server_is_refused_with_both_versions() {
    let (folder, store) = fresh().await;
    sqlx::query("INSERT INTO schema_version (version) VALUES (99)").execute(&store.write).await.unwrap();
    store.close().await;
    let refused = Store::open(&folder.path().join("server.db")).await.expect_err("refused");
    assert!(matches!(refused, StoreError::Newer { found: 99, known } if known == SCHEMA.len() as i64));
    assert!(refused.to_string().contains("99"));
}

#[tokio::test]
async fn opening_twice_keeps_what_was_written() {
    let (folder, store) = fresh().await;
    store.add_site(&site("a")).await.unwrap();
    store.close().await;
    let store = Store::open(&folder.path().join("server.db")).await.unwrap();
    assert_eq!(store.site("a").await.unwrap(), Some(site("a")));
    let twice = store.add_site(&site("a")).await.expect_err("refused");
    assert!(matches!(twice, StoreError::Exists(what) if what == "a"));
}

#[tokio::test]
async fn an_enrolment_code_is_taken_once_and_only_in_time() {
    let (_folder, store) = fresh().await;
    store.add_site(&site("a")).await.unwrap();
    store.add_enrolment_code("h1", "a", "gw-1", 0, 100).await.unwrap();
    store.add_enrolment_code("h2", "a", "gw-2", 0, 100).await.unwrap();
    assert_eq!(store.take_enrolment_code("zz", 1).await.unwrap(), CodeState::Unknown);
    let taken = CodeState::Taken { site: "a".into(), gateway: "gw-1".into() };
    let (left, right) = tokio::join!(store.take_enrolment_code("h1", 99), store.take_enrolment_code("h1", 99));
    let both = [left.unwrap(), right.unwrap()];
    assert!(both.contains(&taken) && both.contains(&CodeState::Used), "{both:?}");
    assert_eq!(store.take_enrolment_code("h2", 100).await.unwrap(), CodeState::Expired);
}

#[tokio::test]
async fn one_key_is_one_gateway_until_it_is_revoked() {
    let (_folder, store) = fresh().await;
    store.add_site(&site("a")).await.unwrap();
    let row = GatewayRow {
        site: "a".into(),
        id: "gw-1".into(),
        key_hex: "00".into(),
        agent_version: "0.1.0".into(),
        enrolled_ms: 1,
        revoked_ms: None,
    };
    store.put_gateway(&row).await.unwrap();
    let copy = GatewayRow { id: "gw-2".into(), ..row.clone() };
    assert!(matches!(store.put_gateway(&copy).await, Err(StoreError::Exists(_))));
    assert!(store.revoke_gateway("a", "gw-1", 7).await.unwrap());
    assert!(!store.revoke_gateway("a", "gw-1", 8).await.unwrap(), "already revoked");
    assert_eq!(store.gateway("a", "gw-1").await.unwrap().unwrap().revoked_ms, Some(7));
    store.put_gateway(&copy).await.expect("a revoked key may be enrolled again");
    assert_eq!(store.all_gateways().await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_projection_step_replaces_what_it_evaluated_and_clearing_leaves_people_alone() {
    let (_folder, store) = fresh().await;
    store.put_roles(&shipped()).await.unwrap();
    store.add_site(&site("a")).await.unwrap();
    let shift = ShiftRow {
        machine: "press".into(),
        date: "2026-03-14".into(),
        name: "N".into(),
        from_ms: 1000,
        until_ms: 2000,
        closed: false,
        prefix: 3,
        body: "{}".into(),
    };
    let value = MetricRow {
        machine: "press".into(),
        date: "2026-03-14".into(),
        shift: "N".into(),
        metric: "oee.iso22400@1".into(),
        from_ms: 1000,
        until_ms: 2000,
        value: Some((3, 4)),
        low: Some((2, 4)),
        high: None,
        undefined: None,
        covered_ms: 900,
        expected_ms: 1000,
        grade: "B".into(),
        flags: "[]".into(),
        lineage: "{}".into(),
    };
    let step = SiteProjection {
        size: 3,
        shifts: vec![shift.clone()],
        values: vec![value.clone()],
        ..SiteProjection::default()
    };
    store.apply_projection("a", &step).await.unwrap();
    assert_eq!(store.shift_values("a", "press", "2026-03-14", "N").await.unwrap(), vec![value.clone()]);
    let again = SiteProjection {
        size: 4,
        shifts: vec![ShiftRow { closed: true, ..shift.clone() }],
        values: vec![MetricRow { value: None, undefined: Some("NO_PRODUCTION".into()), ..value.clone() }],
        ..SiteProjection::default()
    };
    store.apply_projection("a", &again).await.unwrap();
    let rows = store.values("a", None, None, 0, 5000).await.unwrap();
    assert_eq!(rows.len(), 1, "evaluated again, not twice");
    assert_eq!((rows[0].value, rows[0].undefined.as_deref()), (None, Some("NO_PRODUCTION")));
    assert_eq!(store.projected_size("a").await.unwrap(), 4);
    store.clear_derived("a").await.unwrap();
    assert_eq!(store.projected_size("a").await.unwrap(), 0);
    assert!(store.shifts("a", None, 0, 5000).await.unwrap().is_empty());
    assert!(store.site("a").await.unwrap().is_some(), "sites are not derived");
}

#[tokio::test]
async fn the_fleet_is_paged_searched_ordered_and_counted_in_sql() {
    let (_folder, store) = fresh().await;
    for number in 0..30 {
        let id = format!("s{number:02}");
        store.add_site(&site(&id)).await.unwrap();
        if number % 2 == 0 {
            let record = FleetRecord {
                risk: number,
                received_ms: Some(number * 10),
                alarms: i64::from(number == 4),
                trend: "[]".into(),
                chain_ok: true,
                ..FleetRecord::default()
            };
            store.put_fleet(&id, &record).await.unwrap();
        }
    }
    let everything = GrantRow {
        id: 0,
        role: "city".into(),
        permissions: shipped()[0].3.clone(),
        scope_kind: "everything".into(),
        scope_value: String::new(),
        from_ms: 0,
        until_ms: None,
    };
    let filter = Access::new(1, "li", "u", &[everything], 0).sites(Permission::SeeFigures);
    let query = FleetQuery { limit: 3, offset: 1, ..FleetQuery::default() };
    let page = store.fleet(&filter, &query).await.unwrap();
    let ids: Vec<&str> = page.iter().map(|row| row.0.id.as_str()).collect();
    assert_eq!(ids, ["s26", "s24", "s22"]);
    let silent = FleetQuery { limit: 1, order: FleetOrder::Silent, ..FleetQuery::default() };
    assert_eq!(store.fleet(&filter, &silent).await.unwrap()[0].1, None, "never delivered comes first");
    let found = FleetQuery { limit: 50, search: "s1".into(), ..FleetQuery::default() };
    assert_eq!(store.fleet(&filter, &found).await.unwrap().len(), 10);
    let totals = store.fleet_totals(&filter, &found, 100).await.unwrap();
    assert_eq!(totals, FleetTotals { sites: 30, online: 10, alarmed: 1, silent: 15, matching: 10 });
}

#[tokio::test]
async fn firms_are_ordered_by_what_is_due_filtered_and_counted_within_the_readers_scope() {
    let (_folder, store) = fresh().await;
    let rows = [
        ("a", Some("2026-05-01"), 0, &["centre"][..]),
        ("b", Some("2026-04-01"), 1, &[]),
        ("c", None, 0, &["district", "city"]),
    ];
    for (id, due, returned, waiting) in rows {
        store.add_site(&site(id)).await.unwrap();
        let portfolio = PortfolioRow {
            code: format!("code-{id}"),
            listed: format!("listed-{id}"),
            filed: (id == "a").then(|| "2026-01-01".into()),
            owed: i64::from(due.is_some()),
            due: due.map(Into::into),
            returned,
            waiting: waiting.iter().map(|&body| body.into()).collect(),
        };
        let step = SiteProjection { portfolio: Some(portfolio), ..SiteProjection::default() };
        store.apply_projection(id, &step).await.unwrap();
    }
    store.add_site(&site("d")).await.unwrap();
    let grant = |scope_kind: &str, scope_value: &str| GrantRow {
        id: 0,
        role: "centre".into(),
        permissions: shipped()[3].3.clone(),
        scope_kind: scope_kind.into(),
        scope_value: scope_value.into(),
        from_ms: 0,
        until_ms: None,
    };
    let sees =
        |kind: &str, value: &str| Access::new(1, "li", "u", &[grant(kind, value)], 0).sites(Permission::SeeFigures);
    let all = sees("everything", "");
    let ask = |show| PortfolioQuery {
        show,
        today: "2026-05-01".into(),
        bodies: vec!["centre".into()],
        limit: 50,
        ..PortfolioQuery::default()
    };
    let ids = async |filter: &crate::roles::SiteFilter, query: PortfolioQuery| {
        let page = store.portfolio(filter, &query).await.unwrap();
        page.into_iter().map(|(site, _)| site.id).collect::<Vec<_>>().join("")
    };
    let by_show = [
        (PortfolioShow::All, "bacd"),
        (PortfolioShow::Owing, "ba"),
        (PortfolioShow::Overdue, "b"),
        (PortfolioShow::Returned, "b"),
        (PortfolioShow::Waiting, "a"),
        (PortfolioShow::Unfiled, "bcd"),
    ];
    for (show, expected) in by_show {
        assert_eq!(ids(&all, ask(show)).await, expected, "{show:?}");
        let totals = store.portfolio_totals(&all, &ask(show)).await.unwrap();
        assert_eq!(totals, PortfolioTotals { of: [4, 2, 1, 1, 1, 3], matching: expected.len() as i64 });
    }
    assert_eq!(ids(&all, PortfolioQuery { offset: 1, limit: 2, ..ask(PortfolioShow::All) }).await, "ac");
    assert_eq!(ids(&all, PortfolioQuery { search: "code-c".into(), ..ask(PortfolioShow::All) }).await, "c");
    assert_eq!(ids(&all, PortfolioQuery { order: PortfolioOrder::Name, ..ask(PortfolioShow::All) }).await, "abcd");
    let one = sees("site", "b");
    assert_eq!(ids(&one, ask(PortfolioShow::All)).await, "b", "nothing beyond the scope");
    assert_eq!(store.portfolio_totals(&one, &ask(PortfolioShow::All)).await.unwrap().of, [1, 1, 1, 1, 0, 1]);
    assert_eq!(store.site_entries(&one).await.unwrap().len(), 1);
    store.clear_derived("b").await.unwrap();
    assert_eq!(store.portfolio(&one, &ask(PortfolioShow::All)).await.unwrap()[0].1, None);
}

#[tokio::test]
async fn roles_of_the_first_version_learn_what_is_new_unless_an_operator_changed_them() {
    let (folder, store) = fresh().await;
    store.put_roles(&shipped()).await.unwrap();
    store.downgrade().await;
    store.write_role(&("district", "区", "District", "[]".into())).await;
    store.close().await;
    let store = Store::open(&folder.path().join("server.db")).await.expect("upgraded");
    store.put_roles(&shipped()).await.unwrap();
    let sql = "SELECT id, permissions FROM role ORDER BY id";
    let found: Vec<(String, String)> = sqlx::query_as(sql).fetch_all(&store.write).await.unwrap();
    let mut expected: Vec<(String, String)> = shipped()
        .into_iter()
        .map(|(id, _, _, wanted)| (id.to_owned(), if id == "district" { "[]".to_owned() } else { wanted }))
        .collect();
    expected.sort();
    assert_eq!(found, expected);
}
