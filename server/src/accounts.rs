//! People: the first administrator, passwords, sessions, API tokens, and the defence of the sign-in form.
//!
//! Constraints:
//! 1. No default password. A fresh server has no user; [`Accounts::first_code`] makes one single-use code, printed once
//!    on the console of whoever started it, and only [`Accounts::redeem_first_code`] turns it into an administrator.
//! 2. Passwords are argon2id. At most [`HASHERS`] are computed at a time, so that the sign-in form cannot take the
//!    machine's memory; an unknown name costs the same time as a wrong password and gets the same answer.
//! 3. A session is 256 random bits in a cookie (`HttpOnly`, `SameSite=Strict`); the database holds its hash. A session
//!    ends after [`SESSION_IDLE_MS`] unused or [`SESSION_MAX_MS`] in all.
//! 4. A request that changes something must come from our own pages: same origin, and the token of the session
//!    ([`csrf_accepts`]). API tokens are sent on purpose by a program and need neither.
//! 5. Sign-in attempts are limited per name and address ([`limiter::Limiter`]), in memory, bounded; they count when they
//!    are admitted.
//! 6. Time is an argument everywhere; randomness comes from the kernel and is only used for secrets.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use argon2::Argon2;
use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use data_encoding::{BASE32_NOPAD, HEXLOWER};
use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;

use crate::roles::{self, Access, Scope};
use crate::store::{GrantRow, SessionRow, Store, StoreError, UserRow};

pub mod extract;
mod limiter;

use limiter::Limiter;

/// Why an account operation was refused, in words for the person.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    /// Name or password wrong; deliberately not said which.
    #[error("wrong name or password / 用户名或密码错误")]
    WrongPassword,
    /// Too many attempts.
    #[error("too many attempts: try again in {seconds} s / 尝试次数过多，请 {seconds} 秒后再试")]
    TooMany {
        /// Wait.
        seconds: i64,
    },
    /// First-run code wrong, used or expired.
    #[error(
        "this first-run code is wrong, used or older than 24 h: run `gongzheng-server admin first-code` on the server for \
         a new one / 首次启动码错误、已使用或已超过 24 小时，请在服务器上运行 gongzheng-server admin first-code 重新获取"
    )]
    FirstCode,
    /// Password too short or too long.
    #[error("a password needs {min} to {max} characters / 密码须为 {min} 至 {max} 个字符")]
    Password {
        /// Least characters.
        min: usize,
        /// Most characters.
        max: usize,
    },
    /// User names are plain.
    #[error(
        "a user name is 1 to 64 letters, digits, '.', '-', '_' or Chinese characters / 用户名须为 1 至 64 个字母、数字、汉字或 . - _"
    )]
    Name,
    /// No such role.
    #[error("unknown role {0}; known: {1} / 未知角色 {0}，可用角色：{1}")]
    Role(String, String),
    /// No such user.
    #[error("there is no user {0}; `admin user list` shows all / 没有用户 {0}，可用 admin user list 查看")]
    NoUser(String),
    /// Deleting a name cannot be undone: the user is locked out first.
    #[error(
        "{0} may still sign in: lock them out first with `admin user disable`; a deleted name cannot be brought back / 用户 {0} 仍可登录：请先用 \
         admin user disable 停用；姓名删除后不可恢复"
    )]
    StillIn(String),
    /// No such grant.
    #[error(
        "{user} has no grant {number}; `admin user list` shows their numbers / 用户 {user} 没有编号为 {number} 的授权，可用 admin \
         user list 查看"
    )]
    NoGrant {
        /// Whose.
        user: String,
        /// Which.
        number: i64,
    },
    /// No such token in force.
    #[error(
        "{user} has no token {id} in force; `admin user list` shows them / 用户 {user} 没有编号为 {id} 的有效令牌，可用 admin user \
         list 查看"
    )]
    NoToken {
        /// Whose.
        user: String,
        /// Which.
        id: String,
    },
    /// A period that is over before it begins.
    #[error("the appointment would end before it begins / 任期的结束早于开始")]
    Period,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Hashing failed, which means a damaged hash in the database.
    #[error("password hash: {0}")]
    Hash(String),
}

/// A role for a scope and a period.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Appointment {
    /// Role identifier.
    pub role: String,
    /// For which sites.
    pub scope: Scope,
    /// Valid from, Unix ms; from now on by default.
    pub from_ms: Option<i64>,
    /// Valid until (exclusive), Unix ms; open-ended by default.
    pub until_ms: Option<i64>,
}

/// A fresh session: the token goes into the cookie and is known to nobody else.
pub struct NewSession {
    /// Cookie value.
    pub token: String,
    /// Value every form of the session carries.
    pub csrf: String,
}

/// A recognised request.
#[derive(Clone, Debug)]
pub struct Session {
    /// What the person may do now.
    pub access: Access,
    /// The token of the session's forms; none when an API token was used.
    pub csrf: Option<String>,
    /// Hash of the session token, to end it.
    pub token_hash: Option<String>,
}

/// Accounts of one server. Cheap to clone.
#[derive(Clone)]
pub struct Accounts {
    store: Store,
    hashers: Arc<Semaphore>,
    limiter: Arc<Mutex<Limiter>>,
}

impl Accounts {
    /// Writes the shipped roles and returns the accounts.
    pub async fn open(store: Store) -> Result<Self, StoreError> {
        store.put_roles(&roles::shipped()).await?;
        Ok(Self { store, hashers: Arc::new(Semaphore::new(HASHERS)), limiter: Arc::default() })
    }

    /// A new first-run code, or none once there is any user. An earlier code stops working. Print it, once, on the
    /// console; it is stored as a hash.
    pub async fn first_code(&self, now_ms: i64) -> Result<Option<String>, AccountError> {
        if self.store.user_count().await? > 0 {
            return Ok(None);
        }
        let text = BASE32_NOPAD.encode(&random::<10>());
        let code = format!("{}-{}-{}-{}", &text[0..4], &text[4..8], &text[8..12], &text[12..16]);
        self.store.set_setting(FIRST_CODE, Some(&format!("{} {now_ms}", hash(&text)))).await?;
        self.store.make_durable().await?;
        Ok(Some(code))
    }

    /// Whether the server still waits for its first administrator.
    pub async fn is_fresh(&self) -> Result<bool, AccountError> {
        Ok(self.store.user_count().await? == 0)
    }

    /// Makes the first administrator.
    pub async fn redeem_first_code(
        &self,
        code: &str,
        name: &str,
        password: &str,
        peer: &str,
        now_ms: i64,
    ) -> Result<(), AccountError> {
        self.admit(FIRST_CODE_NAME, peer, now_ms)?;
        let typed: String = code.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_uppercase();
        let stored = self.store.setting(FIRST_CODE).await?.unwrap_or_default();
        let (wanted, made_ms) = stored.split_once(' ').unwrap_or_default();
        let made_ms: i64 = made_ms.parse().unwrap_or(i64::MIN);
        let fresh = now_ms.saturating_sub(made_ms) < FIRST_CODE_MS;
        if wanted.is_empty() || !same(wanted, &hash(&typed)) || !fresh {
            return Err(AccountError::FirstCode);
        }
        self.limiter().succeeded(FIRST_CODE_NAME, peer);
        let everything =
            Appointment { role: "administrator".to_owned(), scope: Scope::Everything, from_ms: None, until_ms: None };
        self.add_user_if(name, password, &everything, now_ms, true).await?;
        self.store.set_setting(FIRST_CODE, None).await?;
        self.store.make_durable().await?;
        Ok(())
    }

    /// Adds a user with one role.
    pub async fn add_user(
        &self,
        name: &str,
        password: &str,
        appointment: &Appointment,
        now_ms: i64,
    ) -> Result<(), AccountError> {
        self.add_user_if(name, password, appointment, now_ms, false).await
    }

    /// Gives a user one more role; returns the grant's number.
    pub async fn grant(&self, name: &str, appointment: &Appointment, now_ms: i64) -> Result<i64, AccountError> {
        let user = self.known(name).await?;
        let grant = self.grant_row(appointment, now_ms).await?;
        Ok(self.store.add_grant(user.id, &grant).await?)
    }

    /// Ends a grant of a user at a moment.
    pub async fn end_grant(&self, name: &str, number: i64, until_ms: i64) -> Result<(), AccountError> {
        let user = self.known(name).await?;
        match self.store.end_grant(user.id, number, until_ms).await? {
            true => Ok(()),
            false => Err(AccountError::NoGrant { user: name.to_owned(), number }),
        }
    }

    /// Locks a user out, sessions and tokens included, or lets them in again.
    pub async fn set_disabled(&self, name: &str, since_ms: Option<i64>) -> Result<(), AccountError> {
        let user = self.known(name).await?;
        Ok(self.store.set_disabled(user.id, since_ms).await?)
    }

    /// Forgets a user who is locked out, and gives the pseudonym under which they stand in the logs: the last time it can be known
    /// whose it was.
    pub async fn forget(&self, name: &str) -> Result<String, AccountError> {
        let user = self.known(name).await?;
        if user.disabled_ms.is_none() {
            return Err(AccountError::StillIn(name.to_owned()));
        }
        self.store.forget_user(user.id).await?;
        Ok(user.pseudonym)
    }

    async fn known(&self, name: &str) -> Result<UserRow, AccountError> {
        self.store.user_by_name(name).await?.ok_or_else(|| AccountError::NoUser(name.to_owned()))
    }

    async fn grant_row(&self, appointment: &Appointment, now_ms: i64) -> Result<GrantRow, AccountError> {
        let known = self.store.role_ids().await?;
        if !known.contains(&appointment.role) {
            return Err(AccountError::Role(appointment.role.clone(), known.join(", ")));
        }
        let from_ms = appointment.from_ms.unwrap_or(now_ms);
        if appointment.until_ms.is_some_and(|until_ms| until_ms <= from_ms) {
            return Err(AccountError::Period);
        }
        let (kind, value) = appointment.scope.columns();
        Ok(GrantRow {
            id: 0,
            role: appointment.role.clone(),
            permissions: String::new(),
            scope_kind: kind.to_owned(),
            scope_value: value.to_owned(),
            from_ms,
            until_ms: appointment.until_ms,
        })
    }

    async fn add_user_if(
        &self,
        name: &str,
        password: &str,
        appointment: &Appointment,
        now_ms: i64,
        only_if_first: bool,
    ) -> Result<(), AccountError> {
        let plain = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_');
        if name.is_empty() || name.chars().count() > 64 || !name.chars().all(plain) {
            return Err(AccountError::Name);
        }
        if !(PASSWORD_MIN..=PASSWORD_MAX).contains(&password.chars().count()) {
            return Err(AccountError::Password { min: PASSWORD_MIN, max: PASSWORD_MAX });
        }
        let grant = self.grant_row(appointment, now_ms).await?;
        let password_hash = self.hash_password(password).await?;
        let pseudonym = format!("u-{}", BASE32_NOPAD.encode(&random::<5>()).to_ascii_lowercase());
        match self.store.add_user(name, &pseudonym, &password_hash, &grant, now_ms, only_if_first).await? {
            Some(_) => Ok(()),
            None => Err(AccountError::FirstCode),
        }
    }

    /// Signs a person in.
    pub async fn sign_in(
        &self,
        name: &str,
        password: &str,
        peer: &str,
        now_ms: i64,
    ) -> Result<NewSession, AccountError> {
        self.admit(name, peer, now_ms)?;
        let user = self.store.user_by_name(name).await?.filter(|user| user.disabled_ms.is_none());
        let known = user.as_ref().map_or(NOBODY, |user| user.password_hash.as_str()).to_owned();
        let right = password.chars().count() <= PASSWORD_MAX && self.check_password(password, known).await?;
        let Some(user) = user.filter(|_| right) else {
            return Err(AccountError::WrongPassword);
        };
        self.limiter().succeeded(name, peer);
        let token = HEXLOWER.encode(&random::<32>());
        let csrf = HEXLOWER.encode(&random::<16>());
        let row = SessionRow { user_id: user.id, csrf: csrf.clone(), created_ms: now_ms, seen_ms: now_ms };
        self.store.add_session(&hash(&token), &row).await?;
        Ok(NewSession { token, csrf })
    }

    /// Recognises a session cookie.
    pub async fn session(&self, token: &str, now_ms: i64) -> Result<Option<Session>, AccountError> {
        let token_hash = hash(token);
        let Some(row) = self.store.session(&token_hash).await? else { return Ok(None) };
        if now_ms - row.seen_ms > SESSION_IDLE_MS || now_ms - row.created_ms > SESSION_MAX_MS {
            return Ok(None);
        }
        if now_ms - row.seen_ms > SESSION_TOUCH_MS {
            self.store.touch_session(&token_hash, now_ms).await?;
        }
        let access = self.access(row.user_id, now_ms).await?;
        Ok(access.map(|access| Session { access, csrf: Some(row.csrf), token_hash: Some(token_hash) }))
    }

    /// Ends a session.
    pub async fn sign_out(&self, session: &Session, now_ms: i64) -> Result<(), AccountError> {
        if let Some(token_hash) = &session.token_hash {
            self.store.end_session(token_hash, now_ms - SESSION_MAX_MS).await?;
        }
        Ok(())
    }

    /// A new API token for a user, shown once.
    pub async fn add_token(
        &self,
        name: &str,
        label: &str,
        now_ms: i64,
        expires_ms: i64,
    ) -> Result<String, AccountError> {
        let user = self.known(name).await?;
        let token = format!("gzt_{}", HEXLOWER.encode(&random::<32>()));
        self.store.add_api_token(&hash(&token), user.id, label, now_ms, expires_ms).await?;
        Ok(token)
    }

    /// Revokes an API token by the name `admin user list` shows.
    pub async fn revoke_token(&self, name: &str, id: &str, now_ms: i64) -> Result<(), AccountError> {
        let user = self.known(name).await?;
        match self.store.revoke_api_token(user.id, id, now_ms).await? {
            true => Ok(()),
            false => Err(AccountError::NoToken { user: name.to_owned(), id: id.to_owned() }),
        }
    }

    /// Recognises an API token.
    pub async fn token(&self, token: &str, now_ms: i64) -> Result<Option<Session>, AccountError> {
        let Some(user) = self.store.api_token_user(&hash(token), now_ms).await? else { return Ok(None) };
        let access = self.access(user, now_ms).await?;
        Ok(access.map(|access| Session { access, csrf: None, token_hash: None }))
    }

    async fn access(&self, user: i64, now_ms: i64) -> Result<Option<Access>, AccountError> {
        let Some(user) = self.store.user(user).await?.filter(|user| user.disabled_ms.is_none()) else {
            return Ok(None);
        };
        let grants = self.store.grants(user.id).await?;
        Ok(Some(Access::new(user.id, &user.name, &user.pseudonym, &grants, now_ms)))
    }

    async fn hash_password(&self, password: &str) -> Result<String, AccountError> {
        let salt = SaltString::encode_b64(&random::<16>()).map_err(|error| AccountError::Hash(error.to_string()))?;
        let password = password.to_owned();
        self.hashing(move || {
            let made = Argon2::default().hash_password(password.as_bytes(), &salt);
            made.map(|made| made.to_string()).map_err(|error| AccountError::Hash(error.to_string()))
        })
        .await
    }

    async fn check_password(&self, password: &str, known: String) -> Result<bool, AccountError> {
        let password = password.to_owned();
        self.hashing(move || {
            let known = PasswordHash::new(&known).map_err(|error| AccountError::Hash(error.to_string()))?;
            Ok(Argon2::default().verify_password(password.as_bytes(), &known).is_ok())
        })
        .await
    }

    /// Runs argon2 off the async threads, a bounded number at a time.
    async fn hashing<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, AccountError> + Send + 'static,
    ) -> Result<T, AccountError> {
        let failed = |error: &dyn std::fmt::Display| AccountError::Hash(error.to_string());
        let _permit = self.hashers.acquire().await.map_err(|error| failed(&error))?;
        tokio::task::spawn_blocking(work).await.map_err(|error| failed(&error))?
    }

    fn admit(&self, name: &str, peer: &str, now_ms: i64) -> Result<(), AccountError> {
        let waited = self.limiter().admit(name, peer, now_ms);
        waited.map_err(|wait_ms| AccountError::TooMany { seconds: (wait_ms + 999) / 1000 })
    }

    fn limiter(&self) -> MutexGuard<'_, Limiter> {
        self.limiter.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a request that changes something came from one of our own pages. `host` is the `Host` header, `origin` the
/// `Origin` header; `sent` is the token in the form or the `x-csrf-token` header, `wanted` the session's.
pub fn csrf_accepts(host: Option<&str>, origin: Option<&str>, sent: &str, wanted: &str) -> bool {
    let same_origin = match (host, origin) {
        (Some(host), Some(origin)) => {
            origin.split_once("://").is_some_and(|(scheme, rest)| matches!(scheme, "http" | "https") && rest == host)
        }
        // Some browsers leave `Origin` out of same-origin form posts; the token alone then decides.
        (_, None) => true,
        (None, Some(_)) => false,
    };
    same_origin && !wanted.is_empty() && same(sent, wanted)
}

/// SHA-256 of a secret, lower-case hex. The secrets are random, so nothing slower is needed.
pub(crate) fn hash(secret: &str) -> String {
    HEXLOWER.encode(&Sha256::digest(secret.as_bytes()))
}

/// Compares without stopping at the first difference.
fn same(left: &str, right: &str) -> bool {
    left.len() == right.len() && left.bytes().zip(right.bytes()).fold(0, |all, (a, b)| all | (a ^ b)) == 0
}

/// Random bytes from the kernel.
pub(crate) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    // The kernel's generator cannot fail once the system has booted; without it there can be no secrets at all.
    getrandom::fill(&mut bytes).expect("the kernel gives random bytes");
    bytes
}

/// A password a machine makes up: 20 characters of base32, 100 bits.
pub fn random_password() -> String {
    let text = BASE32_NOPAD.encode(&random::<13>()).to_ascii_lowercase();
    text[..20].to_owned()
}

/// Sessions end after 12 h without use…
pub const SESSION_IDLE_MS: i64 = 12 * 3_600_000;
/// …and after 7 days in any case.
pub const SESSION_MAX_MS: i64 = 7 * 24 * 3_600_000;
/// Use of a session is noted at most once a minute.
const SESSION_TOUCH_MS: i64 = 60_000;
/// A first-run code works for 24 h.
const FIRST_CODE_MS: i64 = 24 * 3_600_000;
const FIRST_CODE: &str = "first-code";
/// Stands for a user name where attempts are counted; no user can have it.
const FIRST_CODE_NAME: &str = "first code";
/// Passwords computed at the same time; each needs 19 MiB for about 20 ms.
const HASHERS: usize = 2;
const PASSWORD_MIN: usize = 10;
const PASSWORD_MAX: usize = 200;
/// Hash nobody has the password of, checked when the name is unknown so that the answer takes as long.
const NOBODY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

#[cfg(test)]
mod tests;
