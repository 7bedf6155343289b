//! Users, what they were granted, their sessions and API tokens. Secrets are stored as hashes only.

use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::{Store, StoreError, exists};

/// A person with an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserRow {
    /// Key.
    pub id: i64,
    /// Name used to sign in.
    pub name: String,
    /// Name written into logs: evidence never carries a person's real name.
    pub pseudonym: String,
    /// Argon2id, PHC string.
    pub password_hash: String,
    /// Locked out since, Unix ms.
    pub disabled_ms: Option<i64>,
}

/// One role given to one user, for a scope and a period.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrantRow {
    /// Its number; 0 before it is stored.
    pub id: i64,
    /// Role identifier.
    pub role: String,
    /// The role's permissions, a JSON list of names.
    pub permissions: String,
    /// `everything`, `city`, `district`, `sub_sector` or `site`.
    pub scope_kind: String,
    /// Name within that kind.
    pub scope_value: String,
    /// Valid from, Unix ms.
    pub from_ms: i64,
    /// Valid until (exclusive), Unix ms; none is open-ended.
    pub until_ms: Option<i64>,
}

/// An API token, without its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenRow {
    /// The first 12 digits of the secret's hash: its name for people.
    pub id: String,
    /// What it is for.
    pub label: String,
    /// When it was made, Unix ms.
    pub created_ms: i64,
    /// Until when it works (exclusive), Unix ms.
    pub expires_ms: i64,
    /// Since when it does not any more, Unix ms.
    pub revoked_ms: Option<i64>,
}

/// A signed-in browser.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionRow {
    /// Whose.
    pub user_id: i64,
    /// Token every form carries.
    pub csrf: String,
    /// When it began, Unix ms.
    pub created_ms: i64,
    /// When it was last used, Unix ms.
    pub seen_ms: i64,
}

impl Store {
    /// Writes the roles this program ships, where they are not there yet: what an operator added or changed stays.
    pub async fn put_roles(&self, roles: &[(&str, &str, &str, String)]) -> Result<(), StoreError> {
        let mut transaction = self.write.begin().await?;
        for (id, zh, en, permissions) in roles {
            sqlx::query(
                "INSERT INTO role (id, name_zh, name_en, permissions) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT (id) DO NOTHING",
            )
            .bind(*id)
            .bind(*zh)
            .bind(*en)
            .bind(permissions)
            .execute(&mut *transaction)
            .await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// Identifiers of all roles, shipped or added.
    pub async fn role_ids(&self) -> Result<Vec<String>, StoreError> {
        Ok(sqlx::query_scalar("SELECT id FROM role ORDER BY rowid").fetch_all(&self.read).await?)
    }

    /// Number of users; zero means the first-run code is still in force.
    pub async fn user_count(&self) -> Result<i64, StoreError> {
        Ok(sqlx::query_scalar("SELECT COUNT(*) FROM user").fetch_one(&self.read).await?)
    }

    /// Adds a user with one grant, together or not at all. With `only_if_first` it refuses (returns `None`) when a user
    /// exists already: two people cannot both use the first-run code.
    pub async fn add_user(
        &self,
        name: &str,
        pseudonym: &str,
        password_hash: &str,
        grant: &GrantRow,
        now_ms: i64,
        only_if_first: bool,
    ) -> Result<Option<i64>, StoreError> {
        let mut transaction = self.write.begin().await?;
        let inserted = sqlx::query(
            "INSERT INTO user (name, pseudonym, password_hash, created_ms)
             SELECT ?1, ?2, ?3, ?4 WHERE NOT ?5 OR NOT EXISTS (SELECT 1 FROM user)",
        )
        .bind(name)
        .bind(pseudonym)
        .bind(password_hash)
        .bind(now_ms)
        .bind(only_if_first)
        .execute(&mut *transaction)
        .await
        .map_err(exists(name))?;
        if inserted.rows_affected() == 0 {
            return Ok(None);
        }
        let user = inserted.last_insert_rowid();
        insert_grant(&mut transaction, user, grant).await?;
        transaction.commit().await?;
        self.make_durable().await?;
        Ok(Some(user))
    }

    /// Gives a user one more role; returns the grant's number.
    pub async fn add_grant(&self, user: i64, grant: &GrantRow) -> Result<i64, StoreError> {
        let mut transaction = self.write.begin().await?;
        let number = insert_grant(&mut transaction, user, grant).await?;
        transaction.commit().await?;
        self.make_durable().await?;
        Ok(number)
    }

    /// Ends a grant of a user at `until_ms`, never later than it would have; false when the user has no such grant.
    pub async fn end_grant(&self, user: i64, number: i64, until_ms: i64) -> Result<bool, StoreError> {
        let done = sqlx::query(
            "UPDATE role_grant SET until_ms = MIN(?3, COALESCE(until_ms, ?3)) WHERE user_id = ?1 AND id = ?2",
        )
        .bind(user)
        .bind(number)
        .bind(until_ms)
        .execute(&self.write)
        .await?;
        self.make_durable().await?;
        Ok(done.rows_affected() > 0)
    }

    /// Locks a user out since a moment, or lets them in again.
    pub async fn set_disabled(&self, user: i64, since_ms: Option<i64>) -> Result<(), StoreError> {
        let mut transaction = self.write.begin().await?;
        sqlx::query("UPDATE user SET disabled_ms = ?2 WHERE id = ?1")
            .bind(user)
            .bind(since_ms)
            .execute(&mut *transaction)
            .await?;
        sqlx::query("DELETE FROM session WHERE user_id = ?1").bind(user).execute(&mut *transaction).await?;
        transaction.commit().await?;
        self.make_durable().await
    }

    /// Removes everything that says who a user is. What they stated stays in the logs, under a pseudonym that now names nobody.
    pub async fn forget_user(&self, user: i64) -> Result<(), StoreError> {
        let mut transaction = self.write.begin().await?;
        for delete in [
            "DELETE FROM session WHERE user_id = ?1",
            "DELETE FROM api_token WHERE user_id = ?1",
            "DELETE FROM role_grant WHERE user_id = ?1",
            "DELETE FROM user WHERE id = ?1",
        ] {
            sqlx::query(delete).bind(user).execute(&mut *transaction).await?;
        }
        transaction.commit().await?;
        self.make_durable().await
    }

    /// All users, by name.
    pub async fn users(&self) -> Result<Vec<UserRow>, StoreError> {
        let rows = sqlx::query("SELECT * FROM user ORDER BY name").fetch_all(&self.read).await?;
        rows.iter().map(user_row).collect()
    }

    /// A user by the name used to sign in.
    pub async fn user_by_name(&self, name: &str) -> Result<Option<UserRow>, StoreError> {
        let row = sqlx::query("SELECT * FROM user WHERE name = ?").bind(name).fetch_optional(&self.read).await?;
        row.as_ref().map(user_row).transpose()
    }

    /// A user by key.
    pub async fn user(&self, id: i64) -> Result<Option<UserRow>, StoreError> {
        let row = sqlx::query("SELECT * FROM user WHERE id = ?").bind(id).fetch_optional(&self.read).await?;
        row.as_ref().map(user_row).transpose()
    }

    /// What a user was granted, expired grants included: `roles` decides what counts now.
    pub async fn grants(&self, user: i64) -> Result<Vec<GrantRow>, StoreError> {
        let rows = sqlx::query(
            "SELECT g.role, r.permissions, g.scope_kind, g.scope_value, g.from_ms, g.until_ms, g.id
             FROM role_grant g JOIN role r ON r.id = g.role WHERE g.user_id = ? ORDER BY g.id",
        )
        .bind(user)
        .fetch_all(&self.read)
        .await?;
        rows.iter()
            .map(|row| {
                Ok(GrantRow {
                    role: row.try_get(0)?,
                    permissions: row.try_get(1)?,
                    scope_kind: row.try_get(2)?,
                    scope_value: row.try_get(3)?,
                    from_ms: row.try_get(4)?,
                    until_ms: row.try_get(5)?,
                    id: row.try_get(6)?,
                })
            })
            .collect()
    }

    /// Starts a session.
    pub async fn add_session(&self, token_hash: &str, session: &SessionRow) -> Result<(), StoreError> {
        sqlx::query("INSERT INTO session (token_hash, user_id, csrf, created_ms, seen_ms) VALUES (?, ?, ?, ?, ?)")
            .bind(token_hash)
            .bind(session.user_id)
            .bind(&session.csrf)
            .bind(session.created_ms)
            .bind(session.seen_ms)
            .execute(&self.write)
            .await?;
        Ok(())
    }

    /// A session by the hash of its token.
    pub async fn session(&self, token_hash: &str) -> Result<Option<SessionRow>, StoreError> {
        let row = sqlx::query("SELECT user_id, csrf, created_ms, seen_ms FROM session WHERE token_hash = ?")
            .bind(token_hash)
            .fetch_optional(&self.read)
            .await?;
        row.map(|row| {
            Ok(SessionRow {
                user_id: row.try_get(0)?,
                csrf: row.try_get(1)?,
                created_ms: row.try_get(2)?,
                seen_ms: row.try_get(3)?,
            })
        })
        .transpose()
    }

    /// Notes that a session was used.
    pub async fn touch_session(&self, token_hash: &str, now_ms: i64) -> Result<(), StoreError> {
        sqlx::query("UPDATE session SET seen_ms = ? WHERE token_hash = ?")
            .bind(now_ms)
            .bind(token_hash)
            .execute(&self.write)
            .await?;
        Ok(())
    }

    /// Ends a session, and with it every session that is too old to be used.
    pub async fn end_session(&self, token_hash: &str, created_before_ms: i64) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM session WHERE token_hash = ? OR created_ms < ?")
            .bind(token_hash)
            .bind(created_before_ms)
            .execute(&self.write)
            .await?;
        Ok(())
    }

    /// Adds an API token by its hash.
    pub async fn add_api_token(
        &self,
        token_hash: &str,
        user: i64,
        label: &str,
        now_ms: i64,
        expires_ms: i64,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO api_token (token_hash, user_id, label, created_ms, expires_ms) VALUES (?, ?, ?, ?, ?)",
        )
        .bind(token_hash)
        .bind(user)
        .bind(label)
        .bind(now_ms)
        .bind(expires_ms)
        .execute(&self.write)
        .await?;
        self.make_durable().await
    }

    /// A user's API tokens, oldest first.
    pub async fn api_tokens(&self, user: i64) -> Result<Vec<TokenRow>, StoreError> {
        let rows = sqlx::query(
            "SELECT substr(token_hash, 1, 12), label, created_ms, expires_ms, revoked_ms FROM api_token
             WHERE user_id = ? ORDER BY created_ms, token_hash",
        )
        .bind(user)
        .fetch_all(&self.read)
        .await?;
        rows.iter()
            .map(|row| {
                Ok(TokenRow {
                    id: row.try_get(0)?,
                    label: row.try_get(1)?,
                    created_ms: row.try_get(2)?,
                    expires_ms: row.try_get(3)?,
                    revoked_ms: row.try_get(4)?,
                })
            })
            .collect()
    }

    /// Revokes an API token of a user; false when there is none of this name that still stood.
    pub async fn revoke_api_token(&self, user: i64, id: &str, now_ms: i64) -> Result<bool, StoreError> {
        let done = sqlx::query(
            "UPDATE api_token SET revoked_ms = ?3
             WHERE user_id = ?1 AND substr(token_hash, 1, 12) = ?2 AND revoked_ms IS NULL",
        )
        .bind(user)
        .bind(id)
        .bind(now_ms)
        .execute(&self.write)
        .await?;
        self.make_durable().await?;
        Ok(done.rows_affected() > 0)
    }

    /// The user an API token speaks for, if it is still good at `now_ms`.
    pub async fn api_token_user(&self, token_hash: &str, now_ms: i64) -> Result<Option<i64>, StoreError> {
        Ok(sqlx::query_scalar(
            "SELECT user_id FROM api_token WHERE token_hash = ?1 AND revoked_ms IS NULL AND expires_ms > ?2",
        )
        .bind(token_hash)
        .bind(now_ms)
        .fetch_optional(&self.read)
        .await?)
    }
}

async fn insert_grant(
    transaction: &mut sqlx::Transaction<'_, sqlx::Sqlite>,
    user: i64,
    grant: &GrantRow,
) -> Result<i64, StoreError> {
    let done = sqlx::query(
        "INSERT INTO role_grant (user_id, role, scope_kind, scope_value, from_ms, until_ms) VALUES (?, ?, ?, ?, ?, ?)",
    )
    .bind(user)
    .bind(&grant.role)
    .bind(&grant.scope_kind)
    .bind(&grant.scope_value)
    .bind(grant.from_ms)
    .bind(grant.until_ms)
    .execute(&mut **transaction)
    .await?;
    Ok(done.last_insert_rowid())
}

fn user_row(row: &SqliteRow) -> Result<UserRow, StoreError> {
    Ok(UserRow {
        id: row.try_get("id")?,
        name: row.try_get("name")?,
        pseudonym: row.try_get("pseudonym")?,
        password_hash: row.try_get("password_hash")?,
        disabled_ms: row.try_get("disabled_ms")?,
    })
}
