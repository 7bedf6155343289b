use super::*;

async fn fresh() -> (tempfile::TempDir, Accounts) {
    let folder = tempfile::tempdir().expect("temporary folder");
    let store = Store::open(&folder.path().join("server.db")).await.expect("store");
    (folder, Accounts::open(store).await.expect("accounts"))
}

fn city(scope: Scope) -> Appointment {
    Appointment { role: "city".into(), scope, from_ms: None, until_ms: None }
}

#[tokio::test]
async fn the_first_code_makes_one_administrator_and_then_never_again() {
    let (_folder, accounts) = fresh().await;
    let old = accounts.first_code(0).await.unwrap().expect("fresh server has a code");
    let code = accounts.first_code(10).await.unwrap().expect("asking again gives another");
    let refused = accounts.redeem_first_code(&old, "li", "a good password", "::1", 20).await;
    assert!(matches!(refused, Err(AccountError::FirstCode)), "the earlier code stopped working");
    let short = accounts.redeem_first_code(&code, "li", "short", "::1", 20).await;
    assert!(matches!(short, Err(AccountError::Password { .. })), "a bad password does not use the code up");
    let typed = code.to_ascii_lowercase().replace('-', " ");
    accounts
        .redeem_first_code(&typed, "li", "a good password", "::1", 20)
        .await
        .expect("dashes and case do not matter");
    let again = accounts.redeem_first_code(&code, "wang", "a good password", "::1", 30).await;
    assert!(matches!(again, Err(AccountError::FirstCode)));
    assert!(accounts.first_code(40).await.unwrap().is_none(), "no code once there is a user");

    let session = accounts.sign_in("li", "a good password", "::1", 50).await.expect("the administrator signs in");
    let known = accounts.session(&session.token, 60).await.unwrap().expect("session");
    assert_eq!(known.access.role_names(), ["administrator"]);
    assert!(known.access.sites(roles::Permission::ManageGateways).everything);
}

#[tokio::test]
async fn a_first_code_expires_after_a_day() {
    let (_folder, accounts) = fresh().await;
    let code = accounts.first_code(0).await.unwrap().unwrap();
    let late = accounts.redeem_first_code(&code, "li", "a good password", "::1", FIRST_CODE_MS).await;
    assert!(matches!(late, Err(AccountError::FirstCode)));
    accounts.redeem_first_code(&code, "li", "a good password", "::1", FIRST_CODE_MS - 1).await.expect("in time");
}

#[tokio::test]
async fn sessions_end_by_idleness_by_age_and_by_signing_out() {
    let (_folder, accounts) = fresh().await;
    accounts.add_user("li", "a good password", &city(Scope::Everything), 0).await.unwrap();
    let session = accounts.sign_in("li", "a good password", "::1", 0).await.unwrap();
    assert!(accounts.session(&session.token, SESSION_IDLE_MS).await.unwrap().is_some());
    assert!(accounts.session(&session.token, 2 * SESSION_IDLE_MS + 1).await.unwrap().is_none(), "idle too long");
    let mut now = 0;
    let second = accounts.sign_in("li", "a good password", "::1", now).await.unwrap();
    while now <= SESSION_MAX_MS {
        assert!(accounts.session(&second.token, now).await.unwrap().is_some(), "used every few hours: alive at {now}");
        now += SESSION_IDLE_MS / 2;
    }
    assert!(accounts.session(&second.token, now).await.unwrap().is_none(), "a week is the end");
    let third = accounts.sign_in("li", "a good password", "::1", 0).await.unwrap();
    let known = accounts.session(&third.token, 1).await.unwrap().unwrap();
    accounts.sign_out(&known, 2).await.unwrap();
    assert!(accounts.session(&third.token, 3).await.unwrap().is_none());
    assert!(accounts.session("not a token", 3).await.unwrap().is_none());
    let stored = accounts.store.session(&third.token).await.unwrap();
    assert!(stored.is_none(), "the token itself is never a key of the table");
}

#[tokio::test]
async fn wrong_passwords_and_unknown_names_get_one_answer_and_then_wait() {
    let (_folder, accounts) = fresh().await;
    accounts.add_user("li", "a good password", &city(Scope::Everything), 0).await.unwrap();
    for _ in 0..5 {
        for name in ["li", "nobody"] {
            let refused = accounts.sign_in(name, "a bad password", "::1", 0).await;
            assert!(matches!(refused, Err(AccountError::WrongPassword)), "{name}");
        }
    }
    for name in ["li", "nobody"] {
        let waiting = accounts.sign_in(name, "a good password", "::1", 0).await;
        assert!(matches!(waiting, Err(AccountError::TooMany { seconds: 1 })), "{name}");
    }
    accounts.sign_in("li", "a good password", "::2", 0).await.expect("from another address at once");
    accounts.sign_in("li", "a good password", "::1", 1000).await.expect("after the wait the right password works");
}

#[tokio::test]
async fn failures_of_others_behind_one_proxy_hold_nobody_back() {
    let (_folder, accounts) = fresh().await;
    accounts.add_user("li", "a good password", &city(Scope::Everything), 0).await.unwrap();
    for _ in 0..5 {
        accounts.sign_in("wang", "a bad password", "proxy", 0).await.err().expect("wrong");
    }
    accounts.sign_in("li", "a good password", "proxy", 0).await.expect("the address is shared, the name is not");
}

#[tokio::test]
async fn a_parallel_burst_tries_no_more_passwords_than_one_after_the_other() {
    let (_folder, accounts) = fresh().await;
    accounts.add_user("li", "a good password", &city(Scope::Everything), 0).await.unwrap();
    let burst: Vec<_> = (0..40)
        .map(|_| {
            let accounts = accounts.clone();
            tokio::spawn(async move { accounts.sign_in("li", "a bad password", "::1", 0).await.err() })
        })
        .collect();
    let mut looked_at = 0;
    for attempt in burst {
        match attempt.await.unwrap() {
            Some(AccountError::WrongPassword) => looked_at += 1,
            Some(AccountError::TooMany { .. }) => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(looked_at, 5);
}

#[tokio::test]
async fn api_tokens_speak_for_their_user_until_they_expire() {
    let (_folder, accounts) = fresh().await;
    accounts.add_user("li", "a good password", &city(Scope::City("昆明市".into())), 0).await.unwrap();
    let token = accounts.add_token("li", "export", 0, 1000).await.unwrap();
    let known = accounts.token(&token, 999).await.unwrap().expect("good");
    assert_eq!((known.access.name.as_str(), known.csrf), ("li", None));
    assert!(accounts.token(&token, 1000).await.unwrap().is_none());
    assert!(accounts.token(&format!("{token}0"), 1).await.unwrap().is_none());
}

#[test]
fn a_changing_request_needs_our_origin_and_the_token() {
    let cases = [
        (Some("gz.cn"), Some("https://gz.cn"), "t", true),
        (Some("gz.cn"), Some("http://gz.cn"), "t", true),
        (Some("gz.cn"), Some("https://evil.cn"), "t", false),
        (Some("gz.cn"), Some("https://gz.cn.evil.cn"), "t", false),
        (Some("gz.cn"), Some("null"), "t", false),
        (Some("gz.cn"), None, "t", true),
        (None, Some("https://gz.cn"), "t", false),
        (Some("gz.cn"), Some("https://gz.cn"), "", false),
        (Some("gz.cn"), Some("https://gz.cn"), "tt", false),
    ];
    for (host, origin, sent, good) in cases {
        assert_eq!(csrf_accepts(host, origin, sent, "t"), good, "{host:?} {origin:?} {sent:?}");
    }
    assert!(!csrf_accepts(Some("gz.cn"), Some("https://gz.cn"), "", ""), "an empty wanted token never matches");
}

#[tokio::test]
async fn a_user_may_hold_several_appointments_each_for_its_period() {
    let (_folder, accounts) = fresh().await;
    accounts.add_user("li", "a good password", &city(Scope::City("昆明市".into())), 0).await.unwrap();
    let token = accounts.add_token("li", "t", 0, 10_000).await.unwrap();
    let roles = async |now_ms: i64| {
        let session = accounts.token(&token, now_ms).await.unwrap().expect("the token stands");
        session.access.role_names().into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    let assessor = Appointment {
        role: "assessor".into(),
        scope: Scope::Site("km-food".into()),
        from_ms: Some(100),
        until_ms: Some(900),
    };
    let number = accounts.grant("li", &assessor, 5).await.unwrap();
    assert_eq!(roles(99).await, ["city"]);
    assert_eq!(roles(100).await, ["city", "assessor"]);
    accounts.end_grant("li", number, 500).await.unwrap();
    assert_eq!(roles(499).await, ["city", "assessor"]);
    assert_eq!(roles(500).await, ["city"]);
    accounts.end_grant("li", number, 800).await.unwrap();
    assert_eq!(roles(500).await, ["city"], "ending never prolongs");
    let backwards = Appointment { from_ms: Some(900), ..assessor.clone() };
    assert!(matches!(accounts.grant("li", &backwards, 5).await, Err(AccountError::Period)));
    assert!(matches!(accounts.grant("wang", &assessor, 5).await, Err(AccountError::NoUser(_))));
    assert!(matches!(accounts.end_grant("li", 99, 5).await, Err(AccountError::NoGrant { number: 99, .. })));
}

#[tokio::test]
async fn a_user_who_is_locked_out_has_neither_session_nor_token_nor_password() {
    let (_folder, accounts) = fresh().await;
    accounts.add_user("li", "a good password", &city(Scope::Everything), 0).await.unwrap();
    let session = accounts.sign_in("li", "a good password", "::1", 0).await.unwrap();
    let token = accounts.add_token("li", "t", 0, 10_000).await.unwrap();
    accounts.set_disabled("li", Some(5)).await.unwrap();
    assert!(accounts.session(&session.token, 6).await.unwrap().is_none());
    assert!(accounts.token(&token, 6).await.unwrap().is_none());
    assert!(matches!(accounts.sign_in("li", "a good password", "::1", 6).await, Err(AccountError::WrongPassword)));
    accounts.set_disabled("li", None).await.unwrap();
    assert!(accounts.session(&session.token, 7).await.unwrap().is_none(), "old sessions do not come back");
    accounts.sign_in("li", "a good password", "::1", 60_000).await.expect("let in again");
    let id = accounts.store.api_tokens(1).await.unwrap()[0].id.clone();
    assert!(accounts.token(&token, 8).await.unwrap().is_some());
    accounts.revoke_token("li", &id, 9).await.unwrap();
    assert!(accounts.token(&token, 9).await.unwrap().is_none());
    assert!(matches!(accounts.revoke_token("li", &id, 10).await, Err(AccountError::NoToken { .. })));
    assert_eq!(accounts.store.api_tokens(1).await.unwrap()[0].revoked_ms, Some(9), "the moment stays");
}

#[tokio::test]
async fn a_role_an_operator_changed_or_added_stays_and_can_be_given() {
    let (folder, accounts) = fresh().await;
    let changed = [("city", "市级", "City", r#"["see_figures","see_raw"]"#.to_owned())];
    // What an operator writes into the database by hand.
    accounts.store.write_role(&changed[0]).await;
    accounts.store.put_roles(&[("park", "园区", "Park", r#"["see_figures"]"#.to_owned())]).await.unwrap();
    let again = Accounts::open(Store::open(&folder.path().join("server.db")).await.unwrap()).await.unwrap();
    again.add_user("li", "a good password", &city(Scope::Everything), 0).await.unwrap();
    let park = Appointment { role: "park".into(), ..city(Scope::Everything) };
    again.grant("li", &park, 0).await.unwrap();
    let grants = again.store.grants(1).await.unwrap();
    assert_eq!(grants[0].permissions, r#"["see_figures","see_raw"]"#);
    assert_eq!(grants[1].role, "park");
    let unknown = Appointment { role: "king".into(), ..park };
    let error = again.grant("li", &unknown, 0).await.unwrap_err().to_string();
    assert!(error.contains("king") && error.contains("administrator") && error.contains("park"), "{error}");
}
