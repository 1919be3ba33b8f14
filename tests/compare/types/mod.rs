//! Every type in a table of its own: rows of the same values are the same, and each two values that people tell apart are
//! told apart, in a column, in an array, under a domain, and as a key.

mod mariadb;
mod mariadb_values;
mod postgres;
mod postgres_values;
