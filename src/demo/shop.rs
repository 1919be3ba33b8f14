//! The order application of one side: HTTP with sign-in, and orders that stand when they are answered.
//!
//! | request | answer |
//! |---|---|
//! | `POST /login` `{"user", "password"}` | 200 with a session, as a cookie and in the body |
//! | `POST /orders` `{"id", "customer", "lines": [{"product", "quantity"}]}` | 201 once committed; again, and nothing is entered twice |
//! | `GET /orders/ID` | 200 with the order, or 404 |
//! | `GET /health` | 200 while the database answers, and whether writes are taken |
//! | `GET /where` | which side this is |
//!
//! Without a session, orders are answered 401; while the side is fenced, 503 and `read-only`.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use hyper::body::Bytes;
use hyper::header::{AUTHORIZATION, COOKIE, HeaderMap, HeaderValue, SET_COOKIE};
use hyper::{Method, Request, StatusCode};
use rusqlite::OptionalExtension;
use serde::{Deserialize, Serialize};

use super::orders::{Declined, NewOrder, Orders};
use super::store::Store;
use super::wire::{Answer, SIDE, json, problem};
use super::{Side, files};
use crate::databases::sqlite::convention;

/// Beyond this many sign-ins all are forgotten, and everybody signs in again.
const SIGN_INS: usize = 10_000;

/// One side's application.
pub(super) struct Shop {
    store: Arc<Store>,
    orders: Orders,
    password: String,
    sign_ins: Mutex<HashSet<String>>,
}

#[derive(Deserialize)]
struct Credentials {
    user: String,
    password: String,
}

#[derive(Serialize)]
struct Order {
    id: String,
    customer: u64,
    placed_ms: i64,
    total_cents: u64,
}

impl Shop {
    pub(super) fn new(store: Arc<Store>, orders: Orders, password: String) -> Shop {
        Shop { store, orders, password, sign_ins: Mutex::default() }
    }

    fn side(&self) -> Side {
        self.store.side()
    }

    /// Answers one request.
    pub(super) async fn answer(self: Arc<Shop>, request: Request<Bytes>) -> Answer {
        let side = self.side();
        let mut answer = self.route(request).await;
        answer.headers_mut().insert(SIDE, HeaderValue::from_static(side.name()));
        answer
    }

    async fn route(self: Arc<Shop>, request: Request<Bytes>) -> Answer {
        let path = request.uri().path();
        match (request.method(), path) {
            (&Method::GET, "/where") => json(
                StatusCode::OK,
                &serde_json::json!({ "side": self.side(), "environment": self.side().environment() }),
            ),
            (&Method::GET, "/health") => self.health().await,
            (&Method::POST, "/login") => self.sign_in(request.body()),
            (&Method::POST, "/orders") if self.signed_in(request.headers()) => {
                self.place(request.body()).await
            }
            (&Method::GET, _) if path.starts_with("/orders/") && self.signed_in(request.headers()) => {
                let id = path.trim_start_matches("/orders/").to_owned();
                self.find(id).await
            }
            (_, _) if path == "/orders" || path.starts_with("/orders/") => {
                problem(StatusCode::UNAUTHORIZED, "sign-in", "sign in first: POST /login")
            }
            (_, _) => problem(StatusCode::NOT_FOUND, "not-found", "there is no such page"),
        }
    }

    fn sign_in(&self, body: &Bytes) -> Answer {
        let Ok(credentials) = serde_json::from_slice::<Credentials>(body) else {
            return problem(StatusCode::BAD_REQUEST, "malformed", "a user and a password are wanted");
        };
        if credentials.user.is_empty() || credentials.password != self.password {
            return problem(StatusCode::UNAUTHORIZED, "sign-in", "no such user, or another password");
        }
        let made = files::random_word().and_then(|id| {
            let cookie = HeaderValue::from_str(&format!("session={id}; HttpOnly; SameSite=Strict"))
                .map_err(|e| super::WorldError::Refused(e.to_string()))?;
            Ok((id, cookie))
        });
        let (id, cookie) = match made {
            Ok(made) => made,
            Err(e) => return problem(StatusCode::INTERNAL_SERVER_ERROR, "sign-in", &e.to_string()),
        };
        let mut sign_ins = self.sign_ins.lock().unwrap_or_else(PoisonError::into_inner);
        if sign_ins.len() >= SIGN_INS {
            sign_ins.clear();
        }
        sign_ins.insert(id.clone());
        drop(sign_ins);
        let body = serde_json::json!({ "session": { "id": id, "user": credentials.user, "valid": true } });
        let mut answer = json(StatusCode::OK, &body);
        answer.headers_mut().insert(SET_COOKIE, cookie);
        answer
    }

    fn signed_in(&self, headers: &HeaderMap) -> bool {
        let text = |name| headers.get(name).and_then(|v: &HeaderValue| v.to_str().ok()).unwrap_or_default();
        let bearer = text(AUTHORIZATION).strip_prefix("Bearer ").map(str::trim);
        let cookie = text(COOKIE).split(';').find_map(|pair| pair.trim().strip_prefix("session="));
        let sign_ins = self.sign_ins.lock().unwrap_or_else(PoisonError::into_inner);
        bearer.into_iter().chain(cookie).any(|id| sign_ins.contains(id))
    }

    async fn place(&self, body: &Bytes) -> Answer {
        let order =
            match serde_json::from_slice::<NewOrder>(body).map_err(|e| e.to_string()).and_then(sensible) {
                Ok(order) => order,
                Err(why) => return problem(StatusCode::BAD_REQUEST, "malformed", &why),
            };
        let id = order.id.clone();
        match self.orders.place(order).await {
            Ok(()) => json(StatusCode::CREATED, &serde_json::json!({ "id": id, "side": self.side() })),
            Err(declined) => {
                let (status, error) = match &declined {
                    Declined::Fenced => (StatusCode::SERVICE_UNAVAILABLE, "read-only"),
                    Declined::Unavailable(_) => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
                    Declined::Unclear(_) => (StatusCode::INTERNAL_SERVER_ERROR, "unclear"),
                    Declined::Invalid(_) => (StatusCode::UNPROCESSABLE_ENTITY, "invalid"),
                };
                problem(status, error, &declined.to_string())
            }
        }
    }

    async fn find(self: Arc<Shop>, id: String) -> Answer {
        let found = self
            .read(move |db| {
                db.query_row(
                    "select id, customer_id, placed_ms, total_cents from orders where id = ?1",
                    [id],
                    |row| {
                        Ok(Order {
                            id: row.get(0)?,
                            customer: row.get(1)?,
                            placed_ms: row.get(2)?,
                            total_cents: row.get(3)?,
                        })
                    },
                )
                .optional()
            })
            .await;
        match found {
            Ok(Some(order)) => json(StatusCode::OK, &order),
            Ok(None) => problem(StatusCode::NOT_FOUND, "not-found", "there is no such order"),
            Err(why) => problem(StatusCode::SERVICE_UNAVAILABLE, "unavailable", &why),
        }
    }

    async fn health(self: Arc<Shop>) -> Answer {
        let side = self.side();
        let fence = self
            .read(|db| db.query_row("select fence from cutover_state", [], |row| row.get::<_, String>(0)))
            .await;
        match fence {
            Ok(fence) => json(
                StatusCode::OK,
                &serde_json::json!({ "side": side, "database": "ok", "takes_writes": fence == "open" }),
            ),
            Err(why) => problem(StatusCode::SERVICE_UNAVAILABLE, "unavailable", &why),
        }
    }

    /// Reads from the database on a connection of its own, off the threads that serve.
    async fn read<T: Send + 'static>(
        self: Arc<Shop>,
        query: impl FnOnce(&rusqlite::Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, String> {
        let read = move || {
            let lease = self.store.lease().ok_or_else(|| format!("the {} is not reachable", self.side()))?;
            let db = convention::open(&self.store.path()).map_err(|e| e.to_string())?;
            let found = query(&db).map_err(|e| e.to_string());
            drop((db, lease));
            found
        };
        tokio::task::spawn_blocking(read).await.unwrap_or_else(|e| Err(e.to_string()))
    }
}

/// An order that can be entered at all.
fn sensible(order: NewOrder) -> Result<NewOrder, String> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if !(1..=64).contains(&order.id.len()) || !order.id.chars().all(plain) {
        return Err("an order's id is 1 to 64 of a-z, 0-9 and -".to_owned());
    }
    if !(1..=20).contains(&order.lines.len()) {
        return Err("an order has 1 to 20 lines".to_owned());
    }
    if order.lines.iter().any(|line| !(1..=1000).contains(&line.quantity)) {
        return Err("a line is for 1 to 1000 pieces".to_owned());
    }
    Ok(order)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(id: &str, quantity: u64) -> NewOrder {
        serde_json::from_value(serde_json::json!({
            "id": id, "customer": 1, "lines": [{ "product": 1, "quantity": quantity }]
        }))
        .unwrap()
    }

    #[test]
    fn an_order_needs_a_plain_id_and_a_few_pieces() {
        assert!(sensible(order("o-1", 1)).is_ok());
        for bad in ["", "O 1", "a/b", "é"] {
            assert!(sensible(order(bad, 1)).is_err(), "{bad:?}");
        }
        assert!(sensible(order("o-1", 0)).is_err());
        assert!(sensible(order("o-1", 1001)).is_err());
    }
}
