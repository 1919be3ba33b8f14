//! Which tables a look is at, and how their rows are read.
//!
//! Every relation that could hold rows is in one of three lists: those that can be compared, those that hold nothing of
//! their own and are left out by name, and those whose rows this account may not see all of. The server shows the
//! catalogue to everybody, so nothing stays unseen.

use std::collections::HashMap;

use tokio_postgres::Client;

use super::asking::Asking as _;
use super::connection::Problem;
use super::forms::{self, Encoding, Form};
use super::look;
use super::sql::quoted;
use crate::databases::Error;
use crate::databases::snapshot::{Selection, Tables};

/// What a look knows of the tables, by name.
#[derive(Debug)]
pub(super) struct Listing {
    pub(super) tables: Tables,
    places: HashMap<String, Place>,
    encoding: Encoding,
}

/// Where a table's rows are, and what its columns are made of.
#[derive(Debug, Default)]
struct Place {
    /// As it stands behind `from`: a table's own rows without those of tables that inherit from it, which are listed
    /// themselves; a partitioned one's with those of its partitions, which are not.
    from: String,
    /// By column, the name of its type in `pg_type`; of a domain the type that it is made of.
    types: HashMap<String, String>,
}

/// Name, what stands behind `from`, why it is left out, why it is closed, columns, their types.
///
/// Rows of an extension's table are the extension's own unless it says otherwise (`pg_extension_config_dump`).
const RELATIONS: &str = "
select format('%s.%s', n.nspname, c.relname),
  case when c.relkind = 'p' then '' else 'only ' end || format('%I.%I', n.nspname, c.relname),
  case when n.nspname = 'cutover' then 'cutover''s own'
       when c.relkind = 'v' then 'a view has no rows of its own'
       when c.relkind = 'm' then 'a materialized view is made of other tables: refresh it at the target'
       when c.relkind = 'f' then 'a foreign table, whose rows another server has'
       when e.oid is not null and not c.oid = any(coalesce(e.extconfig, '{}')) then format('the extension %s makes its rows', e.extname)
  end,
  case when c.relpersistence = 'u' and pg_is_in_recovery() then 'it is unlogged, and a standby has none of its rows'
       when not has_schema_privilege(n.oid, 'usage')
         or exists (select from pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
                      and not has_column_privilege(c.oid, a.attnum, 'select'))
         then format('%s may not read all of it: grant it SELECT on the table and USAGE on its schema', current_user)
       when row_security_active(c.oid)
         then format('row level security may hide rows of it from %s: ask with an account that has BYPASSRLS', current_user)
  end,
  array(select a.attname::text from pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
        order by a.attnum),
  array(select (with recursive made(of, base) as (
                  select a.atttypid, 0::oid
                  union all select t.typbasetype, t.oid from made join pg_type t on t.oid = made.of where t.typtype = 'd')
                select t.typname::text from made join pg_type t on t.oid = made.of and t.typtype <> 'd')
        from pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped order by a.attnum)
from pg_class c join pg_namespace n on n.oid = c.relnamespace
  left join pg_depend d on d.classid = 'pg_class'::regclass and d.objid = c.oid and d.objsubid = 0 and d.deptype = 'e'
  left join pg_extension e on e.oid = d.refobjid
where c.relkind in ('r', 'p', 'v', 'm', 'f') and not c.relispartition and c.relpersistence <> 't'
  and n.nspname not in ('pg_catalog', 'information_schema') and n.nspname !~ '^pg_(toast|temp)'
order by 1";

impl Listing {
    pub(super) async fn read(client: &Client) -> Result<Listing, Problem> {
        let encoding: String =
            client.row("select current_setting('server_encoding')", &[]).await?.try_get(0)?;
        let mut tables = Tables { tables: look::tables(client).await?, ..Tables::default() };
        let mut places = HashMap::new();
        for row in client.rows(RELATIONS, &[]).await? {
            let name: String = row.try_get(0)?;
            let (left_out, closed): (Option<String>, Option<String>) = (row.try_get(2)?, row.try_get(3)?);
            match (left_out, closed) {
                (Some(why), _) => tables.left_out.push((name, why)),
                (None, Some(why)) => tables.closed.push((name, why)),
                (None, None) => {
                    let (columns, types): (Vec<String>, Vec<String>) = (row.try_get(4)?, row.try_get(5)?);
                    let types = columns.into_iter().zip(types).collect();
                    places.insert(name, Place { from: row.try_get(1)?, types });
                }
            }
        }
        tables.tables.retain(|table| places.contains_key(&table.name));
        Ok(Listing { tables, places, encoding: Encoding::named(&encoding) })
    }

    /// How the database keeps its text.
    pub(super) fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// What stands behind `from` for a table.
    pub(super) fn from(&self, what: &str, table: &str) -> Result<&str, Error> {
        Ok(&self.place(what, table)?.from)
    }

    /// How a column is compared with a text that its type has written: what stands for it, and the type that the text is cast
    /// to.
    pub(super) fn named(&self, what: &str, table: &str, column: &str) -> Result<(String, String), Error> {
        let columns = self.tables.tables.iter().find(|it| it.name == table).map(|table| &table.columns);
        let found = columns.and_then(|columns| columns.iter().find(|it| it.name == column));
        let found = found.ok_or_else(|| missing(what, &format!("column {column} of that table")))?;
        let base = self.base(what, table, column)?;
        Ok(if forms::has_an_order(base) {
            (quoted(column), found.type_name.clone())
        } else {
            (format!("format('%s', {})", quoted(column)), "text".to_owned())
        })
    }

    /// Columns as they stand in SQL.
    pub(super) fn forms(&self, what: &str, of: &Selection, columns: &[String]) -> Result<Vec<Form>, Error> {
        columns
            .iter()
            .map(|name| {
                let base = self.base(what, &of.table, name)?;
                if let Some(to) = of.cast.get(name) {
                    return Ok(Form::cast(name, to, self.encoding));
                }
                let form = if of.as_text.contains(name) { Form::as_text } else { Form::of };
                Ok(form(name, base, self.encoding))
            })
            .collect()
    }

    /// The type that a column is made of, by its name in `pg_type`.
    fn base(&self, what: &str, table: &str, column: &str) -> Result<&str, Error> {
        let base = self.place(what, table)?.types.get(column);
        Ok(base.ok_or_else(|| missing(what, &format!("column {column} of table {table}")))?)
    }

    fn place(&self, what: &str, table: &str) -> Result<&Place, Error> {
        self.places.get(table).ok_or_else(|| missing(what, &format!("table {table}")))
    }
}

fn missing(what: &str, which: &str) -> Error {
    Error::broken(what, format!("there is no {which} that can be compared"), "look at its tables again")
}
