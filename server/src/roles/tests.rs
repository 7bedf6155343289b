use proptest::prelude::*;

use super::*;
use crate::store::{FleetQuery, Store};

fn site(id: &str, city: &str, district: &str, sub_sector: &str) -> SiteRow {
    SiteRow {
        id: id.into(),
        name_zh: format!("{id} 工厂"),
        name_en: format!("{id} works"),
        city: city.into(),
        district: district.into(),
        sub_sector: sub_sector.into(),
        time_zone: "Asia/Shanghai".into(),
        simulated: false,
        created_ms: 0,
    }
}

fn grant(role: &str, kind: &str, value: &str, until_ms: Option<i64>) -> GrantRow {
    let permissions = shipped().into_iter().find(|row| row.0 == role).expect("shipped role").3;
    GrantRow {
        id: 0,
        role: role.into(),
        permissions,
        scope_kind: kind.into(),
        scope_value: value.into(),
        from_ms: 100,
        until_ms,
    }
}

/// Each role, a typical scope, and for every site whether it sees figures, raw readings, declares, issues.
#[test]
fn each_role_sees_its_own_scope_and_nothing_else() {
    let sites = [
        site("km-pharma", "昆明市", "呈贡区", "医药制造"),
        site("km-food", "昆明市", "五华区", "食品制造"),
        site("my-pharma", "绵阳市", "涪城区", "医药制造"),
    ];
    //            role, scope kind, scope value, [per site: letters F figures, R raw, D declare, O opinion, C check on site, I issue, G gateways]
    let table = [
        ("city", "city", "昆明市", ["FO", "FO", ""]),
        ("finance", "city", "昆明市", ["FO", "FO", ""]),
        ("district", "district", "呈贡区", ["FOC", "", ""]),
        ("centre", "city", "昆明市", ["FOCI", "FOCI", ""]),
        ("supervisor", "sub_sector", "医药制造", ["FC", "", "FC"]),
        ("assessor", "site", "km-food", ["", "FRCI", ""]),
        ("firm", "site", "km-pharma", ["FRDI", "", ""]),
        ("provider", "site", "my-pharma", ["", "", "FRDG"]),
        ("administrator", "everything", "", ["FRDIG", "FRDIG", "FRDIG"]),
        ("administrator", "nonsense", "x", ["", "", ""]),
        ("city", "city", "", ["", "", ""]),
    ];
    let letters = [
        ('F', Permission::SeeFigures),
        ('R', Permission::SeeRaw),
        ('D', Permission::Declare),
        ('O', Permission::GiveOpinion),
        ('C', Permission::CheckOnSite),
        ('I', Permission::IssueReport),
        ('G', Permission::ManageGateways),
    ];
    for (role, kind, value, wanted) in table {
        let access = Access::new(1, "li", "u-1", &[grant(role, kind, value, None)], 100);
        for (site, wanted) in sites.iter().zip(wanted) {
            for (letter, permission) in letters {
                let allowed = access.allows(permission, site);
                assert_eq!(allowed, wanted.contains(letter), "{role} {kind}:{value} {permission:?} at {}", site.id);
                assert_eq!(access.check(permission, site).is_ok(), allowed);
                assert_eq!(access.acting_role(permission, site), allowed.then_some(role));
                assert_eq!(access.acts_as(role, permission, site), allowed);
                assert!(!access.acts_as("another", permission, site));
            }
        }
    }
}

#[test]
fn a_grant_outside_its_period_gives_nothing() {
    let here = site("km-food", "昆明市", "五华区", "食品制造");
    let rows = [grant("assessor", "site", "km-food", Some(200))];
    for (now_ms, allowed) in [(99, false), (100, true), (199, true), (200, false)] {
        let access = Access::new(1, "li", "u-1", &rows, now_ms);
        assert_eq!(access.allows(Permission::SeeRaw, &here), allowed, "at {now_ms}");
    }
}

#[test]
fn unknown_permission_names_are_ignored_and_broken_lists_give_nothing() {
    let here = site("km-food", "昆明市", "五华区", "食品制造");
    let mut row = grant("city", "everything", "", None);
    row.permissions = r#"["see_figures","fly"]"#.into();
    assert!(Access::new(1, "li", "u-1", &[row.clone()], 100).allows(Permission::SeeFigures, &here));
    row.permissions = "see_figures".into();
    assert!(!Access::new(1, "li", "u-1", &[row], 100).allows(Permission::SeeFigures, &here));
}

fn any_scope() -> impl Strategy<Value = (String, String)> {
    let kinds = prop_oneof![Just("everything"), Just("city"), Just("district"), Just("sub_sector"), Just("site")];
    (kinds, "[ab]").prop_map(|(kind, value)| (kind.to_owned(), value))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    /// The filter in SQL admits exactly the sites the rule admits.
    #[test]
    fn the_filter_and_the_rule_agree(
        facts in proptest::collection::vec(("[ab]", "[ab]", "[ab]"), 1..8),
        scopes in proptest::collection::vec((any_scope(), 0_usize..ROLES.len()), 0..4),
    ) {
        let sites: Vec<SiteRow> = facts
            .iter()
            .enumerate()
            .map(|(number, (city, district, sub))| {
                let id = match number { 0 => "a".to_owned(), 1 => "b".to_owned(), _ => format!("s{number}") };
                site(&id, city, district, sub)
            })
            .collect();
        let rows: Vec<GrantRow> =
            scopes.iter().map(|((kind, value), role)| grant(ROLES[*role].id, kind, value, None)).collect();
        let access = Access::new(1, "li", "u-1", &rows, 100);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("runtime");
        runtime.block_on(async {
            let folder = tempfile::tempdir().expect("folder");
            let store = Store::open(&folder.path().join("t.db")).await.expect("store");
            for site in &sites {
                store.add_site(site).await.expect("site");
            }
            for permission in Permission::ALL {
                let filter = access.sites(permission);
                let query = FleetQuery { limit: 100, ..FleetQuery::default() };
                let mut listed: Vec<String> =
                    store.fleet(&filter, &query).await.expect("fleet").into_iter().map(|row| row.0.id).collect();
                listed.sort();
                let mut wanted: Vec<String> =
                    sites.iter().filter(|site| access.allows(permission, site)).map(|site| site.id.clone()).collect();
                wanted.sort();
                assert_eq!(listed, wanted, "{permission:?} {scopes:?}");
                let totals = store.fleet_totals(&filter, &query, 0).await.expect("totals");
                assert_eq!(totals.sites as usize, wanted.len());
                assert_eq!(totals.matching as usize, wanted.len());
            }
        });
    }
}
