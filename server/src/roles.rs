//! Who may see and do what. Roles are data: a set of permissions, given to a user for a scope and a period.
//!
//! Constraints:
//! 1. **One rule.** [`Access::allows`] decides for one site, [`Access::sites`] is the same rule as a filter for the
//!    database; a property test compares them. Handlers never look at role names.
//! 2. Every read model in `query` and every handler takes an [`Access`]; there is none for "the system" outside the
//!    projector and the command line of the operator.
//! 3. A grant outside its period gives nothing. Time is an argument; an [`Access`] lives for one request.
//! 4. What a person may not see does not exist for them: the answer is "not found", so that nobody can list the
//!    factories of a city by guessing names.
//! 5. Sites and users are made by the operator on the server's own machine (`admin`), who holds its keys anyway: there is no
//!    permission for it, because no page or API does it.
//! 6. Seeing a firm's *derived* figures and seeing its *raw* readings are different permissions: authorities see figures,
//!    raw data only assigned assessors, the firm itself and its provider.

use metrics::credibility::course::FACTORY_ROLE;

use crate::store::{GrantRow, SiteRow};

/// One thing a person may be allowed to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Permission {
    /// See the site, its figures, timelines, declarations and evidence health.
    SeeFigures,
    /// See and download raw readings and bundles.
    SeeRaw,
    /// State something: calendar, machines, planned cycle times, reasons, quality counts.
    Declare,
    /// Speak for the body one acts for: its opinion on a change of a filed plan, papers it asks for and receives or returns, what its list says of
    /// a firm, its notice of a target that is missed, the closing of one, and the day of an acceptance; nothing else is stated with it.
    GiveOpinion,
    /// Check on site what the log shows; the factory itself never does.
    CheckOnSite,
    /// Issue a report.
    IssueReport,
    /// Make enrolment codes.
    ManageGateways,
}

impl Permission {
    /// Every permission.
    pub const ALL: [Self; 7] = [
        Self::SeeFigures,
        Self::SeeRaw,
        Self::Declare,
        Self::GiveOpinion,
        Self::CheckOnSite,
        Self::IssueReport,
        Self::ManageGateways,
    ];

    /// Its name in the database.
    pub fn name(self) -> &'static str {
        match self {
            Self::SeeFigures => "see_figures",
            Self::SeeRaw => "see_raw",
            Self::Declare => "declare",
            Self::GiveOpinion => "give_opinion",
            Self::CheckOnSite => "check_on_site",
            Self::IssueReport => "issue_report",
            Self::ManageGateways => "manage_gateways",
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|permission| permission.name() == name)
    }
}

/// A role as shipped: identifier, Chinese and English name, permissions.
pub struct Role {
    /// Identifier used in grants.
    pub id: &'static str,
    /// Chinese name.
    pub zh: &'static str,
    /// English name.
    pub en: &'static str,
    /// What it allows within the scope of a grant.
    pub permissions: &'static [Permission],
}

/// The roles this program ships. City terms are overlays on the names, never on the identifiers.
pub const ROLES: [Role; 9] = {
    use Permission::{CheckOnSite, Declare, GiveOpinion, IssueReport, ManageGateways, SeeFigures, SeeRaw};
    [
        Role { id: "city", zh: "市级主管部门", en: "City authority", permissions: &[SeeFigures, GiveOpinion] },
        Role { id: "finance", zh: "财政部门", en: "Finance bureau", permissions: &[SeeFigures, GiveOpinion] },
        Role {
            id: "district",
            zh: "属地主管部门",
            en: "District authority",
            permissions: &[SeeFigures, GiveOpinion, CheckOnSite],
        },
        Role {
            id: "centre",
            zh: "促进中心",
            en: "Promotion centre",
            permissions: &[SeeFigures, GiveOpinion, CheckOnSite, IssueReport],
        },
        Role { id: "supervisor", zh: "监理机构", en: "Supervisor", permissions: &[SeeFigures, CheckOnSite] },
        Role {
            id: "assessor",
            zh: "评测验收机构/专家",
            en: "Assessor",
            permissions: &[SeeFigures, SeeRaw, CheckOnSite, IssueReport],
        },
        Role { id: "firm", zh: "企业", en: "Firm", permissions: &[SeeFigures, SeeRaw, Declare, IssueReport] },
        Role {
            id: "provider",
            zh: "服务商",
            en: "Service provider",
            permissions: &[SeeFigures, SeeRaw, Declare, ManageGateways],
        },
        Role {
            id: "administrator",
            zh: "系统管理员",
            en: "Administrator",
            permissions: &[SeeFigures, SeeRaw, Declare, IssueReport, ManageGateways],
        },
    ]
};

/// Which sites a grant covers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Every site of this server.
    Everything,
    /// Sites of one city.
    City(String),
    /// Sites of one district.
    District(String),
    /// Sites of one pilot sub-sector.
    SubSector(String),
    /// One site.
    Site(String),
}

impl Scope {
    /// The two columns a scope is stored in.
    pub fn columns(&self) -> (&'static str, &str) {
        match self {
            Self::Everything => ("everything", ""),
            Self::City(name) => ("city", name),
            Self::District(name) => ("district", name),
            Self::SubSector(name) => ("sub_sector", name),
            Self::Site(name) => ("site", name),
        }
    }

    /// Reads the two columns, or `kind:value` split by the caller. Unknown kinds give nothing rather than everything.
    pub fn from_columns(kind: &str, value: &str) -> Option<Self> {
        let named = |make: fn(String) -> Self| (!value.is_empty()).then(|| make(value.to_owned()));
        match kind {
            "everything" => Some(Self::Everything),
            "city" => named(Self::City),
            "district" => named(Self::District),
            "sub_sector" => named(Self::SubSector),
            "site" => named(Self::Site),
            _ => None,
        }
    }

    fn covers(&self, site: &SiteRow) -> bool {
        match self {
            Self::Everything => true,
            Self::City(name) => *name == site.city,
            Self::District(name) => *name == site.district,
            Self::SubSector(name) => *name == site.sub_sector,
            Self::Site(name) => *name == site.id,
        }
    }
}

/// Which sites a statement may return. Made by [`Access::sites`] only.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SiteFilter {
    pub(crate) everything: bool,
    pub(crate) cities: Vec<String>,
    pub(crate) districts: Vec<String>,
    pub(crate) sub_sectors: Vec<String>,
    pub(crate) sites: Vec<String>,
}

impl SiteFilter {
    /// It admits no site at all.
    pub fn is_empty(&self) -> bool {
        let lists = [&self.cities, &self.districts, &self.sub_sectors, &self.sites];
        !self.everything && lists.into_iter().all(Vec::is_empty)
    }
}

/// The person lacks a permission. Shown as "not found" where the site itself must stay unseen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "your role does not allow this here; ask the administrator of this server for it / 您的角色无此权限，请联系系统管理员"
)]
pub struct Forbidden;

/// What one signed-in person may do at one moment.
#[derive(Clone, Debug)]
pub struct Access {
    /// Key of the user.
    pub user: i64,
    /// Name used to sign in.
    pub name: String,
    /// Name written into evidence.
    pub pseudonym: String,
    grants: Vec<Grant>,
}

#[derive(Clone, Debug)]
struct Grant {
    role: String,
    permissions: Vec<Permission>,
    scope: Scope,
}

impl Access {
    /// Reads a user's grants as they stand at `now_ms`. Grants outside their period, with an unknown scope or an unknown
    /// permission name give nothing.
    pub fn new(user: i64, name: &str, pseudonym: &str, grants: &[GrantRow], now_ms: i64) -> Self {
        let grants = grants
            .iter()
            .filter(|row| row.from_ms <= now_ms && row.until_ms.is_none_or(|until| now_ms < until))
            .filter_map(|row| {
                let names: Vec<String> = serde_json::from_str(&row.permissions).ok()?;
                Some(Grant {
                    role: row.role.clone(),
                    permissions: names.iter().filter_map(|name| Permission::from_name(name)).collect(),
                    scope: Scope::from_columns(&row.scope_kind, &row.scope_value)?,
                })
            })
            .collect();
        Self { user, name: name.to_owned(), pseudonym: pseudonym.to_owned(), grants }
    }

    /// The rule: some grant in force has the permission and covers the site.
    pub fn allows(&self, permission: Permission, site: &SiteRow) -> bool {
        self.grants.iter().any(|grant| grant.permissions.contains(&permission) && grant.scope.covers(site))
    }

    /// [`Access::allows`] for handlers.
    pub fn check(&self, permission: Permission, site: &SiteRow) -> Result<(), Forbidden> {
        if self.allows(permission, site) { Ok(()) } else { Err(Forbidden) }
    }

    /// The rule as a filter: exactly the sites for which [`Access::allows`] says yes.
    pub fn sites(&self, permission: Permission) -> SiteFilter {
        let mut filter = SiteFilter::default();
        for grant in self.grants.iter().filter(|grant| grant.permissions.contains(&permission)) {
            match &grant.scope {
                Scope::Everything => filter.everything = true,
                Scope::City(name) => filter.cities.push(name.clone()),
                Scope::District(name) => filter.districts.push(name.clone()),
                Scope::SubSector(name) => filter.sub_sectors.push(name.clone()),
                Scope::Site(name) => filter.sites.push(name.clone()),
            }
        }
        filter
    }

    /// Roles in force, in the order they were granted.
    pub fn role_names(&self) -> Vec<&str> {
        self.grants.iter().map(|grant| grant.role.as_str()).collect()
    }

    /// Whether the grants can cover more than one site: who sees several starts at the page of all sites.
    pub fn sees_many_sites(&self) -> bool {
        let filter = self.sites(Permission::SeeFigures);
        filter.everything
            || filter.sites.len() > 1
            || [&filter.cities, &filter.districts, &filter.sub_sectors].into_iter().any(|list| !list.is_empty())
    }

    /// Whether the person acts in this very role when doing something about a site.
    pub fn acts_as(&self, role: &str, permission: Permission, site: &SiteRow) -> bool {
        let in_it = |grant: &Grant| grant.permissions.contains(&permission) && grant.scope.covers(site);
        self.grants.iter().any(|grant| grant.role == role && in_it(grant))
    }

    /// The role in which the person acts when stating something about a site: the factory's own before any other, else the
    /// first grant that allows it. It is written into the declaration.
    pub fn acting_role(&self, permission: Permission, site: &SiteRow) -> Option<&str> {
        let allow = |grant: &&Grant| grant.permissions.contains(&permission) && grant.scope.covers(site);
        let roles = || self.grants.iter().filter(allow).map(|grant| grant.role.as_str());
        roles().find(|role| *role == FACTORY_ROLE).or_else(|| roles().next())
    }
}

/// The rows of the shipped roles for the database.
pub fn shipped() -> Vec<(&'static str, &'static str, &'static str, String)> {
    ROLES
        .iter()
        .map(|role| {
            let names: Vec<&str> = role.permissions.iter().map(|permission| permission.name()).collect();
            (role.id, role.zh, role.en, serde_json::Value::from(names).to_string())
        })
        .collect()
}

#[cfg(test)]
mod tests;
