//! Roles: who owns or may use what at the source, and cannot at the target.
//!
//! Whether a role may is asked as the server would decide it, so a grant that comes by way of a group counts. Superusers
//! and the server's own roles are left out: a managed server has others. Passwords cannot be compared: a login of each
//! role proves them.
//!
//! Source: PostgreSQL's documentation, "System Information Functions", "Access Privilege Inquiry Functions"; `aclexplode`.

use std::collections::BTreeMap;

use super::{Pair, in_sql};
use crate::databases::{Error, Found};

/// Kind, schema, name, role, privilege: what people's roles may at the source. `PUBLIC` is the role `public`.
const GRANTS: &str = "
with acl as (
  select case c.relkind when 'S' then 'sequence' else 'table' end as kind, n.nspname, c.relname, a.grantee, a.privilege_type
  from pg_class c join pg_namespace n on n.oid = c.relnamespace,
    aclexplode(coalesce(c.relacl, acldefault(case c.relkind when 'S' then 's' else 'r' end::\"char\", c.relowner))) a
  where c.relkind in ('r', 'p', 'v', 'm', 'f', 'S') and c.relpersistence <> 't'
    and n.nspname not in ('pg_catalog', 'information_schema', 'cutover') and n.nspname !~ '^pg_(toast|temp)'
    and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
  union all
  select 'schema', n.nspname, '', a.grantee, a.privilege_type
  from pg_namespace n, aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) a
  where n.nspname not in ('pg_catalog', 'information_schema', 'cutover') and n.nspname !~ '^pg_(toast|temp)')
select distinct acl.kind, acl.nspname::text, acl.relname::text, coalesce(r.rolname, 'public')::text, lower(acl.privilege_type)
from acl left join pg_roles r on r.oid = acl.grantee
where (acl.grantee = 0 or (r.rolname !~ '^pg_' and not r.rolsuper))
  and acl.privilege_type in ('SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'USAGE', 'CREATE') order by 1, 2, 3, 4, 5";

/// These roles, and who logs in as a member of them.
const MEMBERS: &str = "
with recursive m (oid) as (
  select oid from pg_roles where rolname = any($1)
  union select a.member from pg_auth_members a join m on a.roleid = m.oid)
select r.rolname::text, r.rolcanlogin::text from pg_roles r join m using (oid)
where not r.rolsuper and r.rolname !~ '^pg_' order by 1";

/// What of these roles is at the target: name, there, may log in, has not run out, may connect.
const ARRIVED: &str = "
select name, (r.oid is not null)::text, coalesce(r.rolcanlogin, false)::text,
  coalesce(r.rolvaliduntil > now(), true)::text,
  case when r.oid is null then 'false' else has_database_privilege(r.oid, current_database(), 'connect')::text end
from unnest($1::text[]) name left join pg_roles r on r.rolname = name";

/// What of these grants does not hold at the target, of objects and roles that are there.
const LACKING: &str = "
select g.kind, g.schema, g.name, g.role, g.privilege
from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[]) g (kind, schema, name, role, privilege)
  join pg_namespace n on n.nspname = g.schema
  left join pg_class c on c.relnamespace = n.oid and c.relname = g.name and g.kind <> 'schema'
where (g.role = 'public' or exists (select from pg_roles r where r.rolname = g.role))
  and case when g.kind = 'schema' then not has_schema_privilege(g.role, n.oid, g.privilege)
      when c.oid is null or (g.kind = 'sequence') <> (c.relkind = 'S') then false
      when g.kind = 'sequence' then not has_sequence_privilege(g.role, c.oid, g.privilege)
      else not has_table_privilege(g.role, c.oid, g.privilege) end";

pub(super) async fn look(pair: Pair<'_>) -> Result<Vec<Found>, Error> {
    let grants = pair.from.texts::<5>(GRANTS, &[]).await?;
    let granted: Vec<&str> = grants.iter().map(|[_, _, _, role, _]| role.as_str()).collect();
    let members = pair.from.texts::<2>(MEMBERS, &[&granted]).await?;
    let mut found = arrived(pair, &members).await?;
    let column =
        |at: fn(&[String; 5]) -> &String| grants.iter().map(|row| at(row).as_str()).collect::<Vec<_>>();
    let lacking = pair
        .to
        .texts::<5>(
            LACKING,
            &[
                &column(|[kind, ..]| kind),
                &column(|[_, schema, ..]| schema),
                &column(|[_, _, name, ..]| name),
                &column(|[_, _, _, role, _]| role),
                &column(|[.., privilege]| privilege),
            ],
        )
        .await?;
    let mut by_object: BTreeMap<(String, String, String), Vec<String>> = BTreeMap::new();
    for [kind, schema, name, role, privilege] in lacking {
        let object = if kind == "schema" { schema } else { format!("{schema}.{name}") };
        by_object.entry((role, kind, object)).or_default().push(privilege);
    }
    for ((role, kind, object), mut privileges) in by_object {
        privileges.sort();
        let what = privileges.join(", ");
        let on = if kind == "table" { in_sql(&object) } else { format!("{kind} {}", in_sql(&object)) };
        found.push(Found::new(
            format!("role {role} on {kind} {object}"),
            format!("may {what} at {} and not at {}", pair.from.name(), pair.to.name()),
            format!("grant {what} on {on} to {} there", in_sql(&role)),
        ));
    }
    Ok(found)
}

async fn arrived(pair: Pair<'_>, members: &[[String; 2]]) -> Result<Vec<Found>, Error> {
    let names: Vec<&str> = members.iter().map(|[name, _]| name.as_str()).collect();
    let arrived = pair.to.texts::<5>(ARRIVED, &[&names]).await?;
    let target = pair.to.name();
    let mut found = Vec::new();
    for [name, there, login, valid, connect] in &arrived {
        let logs_in = members.iter().any(|[member, login]| member == name && login == "true");
        let role = in_sql(name);
        let mut say = |harm: String, mend: String| found.push(Found::new(format!("role {name}"), harm, mend));
        if there == "false" {
            let login = if logs_in { " login" } else { "" };
            say(
                format!("does not exist at {target}"),
                format!("create role {role}{login} there, with its password and grants"),
            );
        } else if logs_in && login == "false" {
            say(format!("may not log in at {target}"), format!("alter role {role} login there"));
        } else if logs_in && valid == "false" {
            say(
                format!("has a password that has run out at {target}"),
                format!("alter role {role} valid until 'infinity' there"),
            );
        } else if logs_in && connect == "false" {
            say(
                format!("may not connect to the database at {target}"),
                format!("grant connect on database … to {role} there"),
            );
        }
    }
    Ok(found)
}
