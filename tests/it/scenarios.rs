//! The scenarios that started the project, under their names. Each is a few lines with the derive.

use anyhow::Result;
use chrono::{DateTime, Utc};
use sqlx::FromRow;
use upsert::{Action, Upsert, Upserted};

use crate::harness::dialect_tests;

const USERS: &str = r#"CREATE TABLE "users" (
    "id" {id},
    "email" {text} NOT NULL UNIQUE,
    "name" {text},
    "age" INTEGER,
    "balance" BIGINT NOT NULL DEFAULT 10,
    "login_count" BIGINT NOT NULL DEFAULT 0,
    "last_login" {instant},
    "created_at" {instant} NOT NULL DEFAULT {clock},
    "updated_at" {instant} NOT NULL DEFAULT {clock}
)"#;

const PRODUCTS: &str = r#"CREATE TABLE "products" (
    "id" {id},
    "sku" {text} NOT NULL UNIQUE,
    "name" {text} NOT NULL,
    "stock" BIGINT NOT NULL,
    "price" DOUBLE PRECISION NOT NULL,
    "created_at" {instant} NOT NULL DEFAULT {clock},
    "updated_at" {instant} NOT NULL DEFAULT {clock}
)"#;

const USER_POINTS: &str = r#"CREATE TABLE "user_points" (
    "user_id" BIGINT NOT NULL UNIQUE,
    "points" BIGINT NOT NULL,
    "created_at" {instant} NOT NULL DEFAULT {clock},
    "updated_at" {instant} NOT NULL DEFAULT {clock}
)"#;

const TAGS: &str = r#"CREATE TABLE "tags" (
    "name" {text} NOT NULL UNIQUE,
    "count" BIGINT NOT NULL,
    "created_at" {instant} NOT NULL DEFAULT {clock},
    "updated_at" {instant} NOT NULL DEFAULT {clock}
)"#;

#[derive(Debug, Clone, PartialEq, Upsert, FromRow)]
#[upsert(conflict = "email")]
struct User {
    #[upsert(generated)]
    id: i64,
    email: String,
    name: String,
    age: Option<i32>,
}

fn ada() -> User {
    User {
        id: 0,
        email: "ada@example.com".to_owned(),
        name: "Ada".to_owned(),
        age: Some(36),
    }
}

/// S10 to S12: Ada among others.
fn users() -> [User; 3] {
    let user = |email: &str, name: &str| User {
        email: email.to_owned(),
        name: name.to_owned(),
        ..ada()
    };
    [
        user("eve@example.com", "Eve"),
        user("ada@example.com", "Countess"),
        user("bob@example.com", "Bob"),
    ]
}

/// S4: what the database makes, beside what is written.
#[derive(Upsert)]
#[upsert(
    table = "users",
    conflict = "email",
    generated = "id, balance, created_at"
)]
struct NewUser {
    id: i64,
    email: String,
    name: String,
    balance: i64,
    created_at: DateTime<Utc>,
}

/// S5: some columns, and one.
#[derive(Upsert)]
#[upsert(table = "users", conflict = "email", returning = "id, name")]
struct UserForTuple {
    #[upsert(generated)]
    id: i64,
    email: String,
    name: String,
}

#[derive(Upsert)]
#[upsert(
    table = "user_points",
    conflict = "user_id",
    accumulate = "points",
    returning = "points"
)]
struct PointsForScalar {
    user_id: i64,
    points: i64,
}

/// S6, S15.
#[derive(Debug, Clone, PartialEq, Upsert)]
#[upsert(conflict = "sku", accumulate = "stock", insert_only = "name, price")]
struct Product {
    #[upsert(generated)]
    id: i64,
    sku: String,
    name: String,
    stock: i64,
    price: f64,
}

fn delivery(stock: i64) -> Product {
    Product {
        id: 0,
        sku: "apple".to_owned(),
        name: "Apple".to_owned(),
        stock,
        price: 0.5,
    }
}

/// S7.
#[derive(Upsert)]
#[upsert(table = "users", conflict = "email", coalesce = "age")]
struct Profile {
    email: String,
    name: String,
    age: Option<i32>,
}

/// S8.
#[derive(Upsert)]
#[upsert(
    table = "users",
    conflict = "email",
    now = "created_at, updated_at",
    insert_only = "created_at"
)]
struct Stamped {
    email: String,
    name: String,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

/// S18.
#[derive(Debug, Clone, PartialEq, Upsert)]
#[upsert(table = "products", conflict = "sku", accumulate = "stock")]
struct Restocked {
    sku: String,
    name: String,
    stock: i64,
    price: f64,
}

/// S9.
#[derive(Upsert)]
#[upsert(table = "users", conflict = "email")]
struct Login {
    email: String,
    name: String,
    #[upsert(update = old.login_count + 1)]
    login_count: i64,
    #[upsert(now)]
    last_login: DateTime<Utc>,
}

/// S13: NULL means "not given".
#[derive(Upsert)]
#[upsert(
    table = "users",
    conflict = "email",
    coalesce = "age",
    now = "updated_at"
)]
struct Smart {
    email: String,
    #[upsert(coalesce)]
    name: Option<String>,
    age: Option<i32>,
    updated_at: DateTime<Utc>,
}

/// S14.
#[derive(Upsert)]
#[upsert(table = "users", conflict = "email", insert_only = "age, created_at")]
struct Registration {
    email: String,
    name: String,
    age: Option<i32>,
    #[upsert(now)]
    last_login: DateTime<Utc>,
    created_at: DateTime<Utc>,
}

/// S16.
#[derive(Upsert)]
#[upsert(
    table = "user_points",
    conflict = "user_id",
    accumulate = "points",
    now = "updated_at",
    returning = "user_id, points"
)]
struct AddPoints {
    user_id: i64,
    points: i64,
    updated_at: DateTime<Utc>,
}

/// S17.
#[derive(Upsert)]
#[upsert(
    table = "tags",
    conflict = "name",
    accumulate = "count",
    returning = "count"
)]
struct CountTag<'a> {
    name: &'a str,
    count: i64,
}

fn count_tag(name: &str) -> CountTag<'_> {
    CountTag { name, count: 1 }
}

fn instant(text: &str) -> DateTime<Utc> {
    text.parse().expect("an instant")
}

dialect_tests! {
    async fn s1_basic_upsert(db: Db) -> Result<()> {
        db.run(USERS).await?;
        let inserted = ada().upsert(&db.pool).await?;
        assert_eq!(
            inserted,
            User {
                id: inserted.id,
                ..ada()
            }
        );
        let changed = User {
            name: "Ada Lovelace".to_owned(),
            age: Some(37),
            ..ada()
        };
        let updated = changed.upsert(&db.pool).await?;
        assert_eq!(
            updated,
            User {
                id: inserted.id,
                ..changed
            }
        );
        let stored: Vec<User> = db
            .all(r#"SELECT "id", "email", "name", "age" FROM "users""#)
            .await?;
        assert_eq!(stored, [updated]);
        Ok(())
    }

    async fn s2_ignore_on_conflict(db: Db) -> Result<()> {
        db.run(USERS).await?;
        assert!(ada().insert_if_absent(&db.pool).await?);
        let before: Vec<User> = db
            .all(r#"SELECT "id", "email", "name", "age" FROM "users""#)
            .await?;
        let other = User {
            name: "Somebody else".to_owned(),
            age: None,
            ..ada()
        };
        assert!(!other.insert_if_absent(&db.pool).await?);
        let after: Vec<User> = db
            .all(r#"SELECT "id", "email", "name", "age" FROM "users""#)
            .await?;
        assert_eq!(after, before);
        assert_eq!(after[0].name, "Ada");
        Ok(())
    }

    async fn s3_the_proposed_row_in_the_update(db: Db) -> Result<()> {
        db.run(USERS).await?;
        // Three columns are written, and three values are bound, for the insert and the update together.
        let statements = User::sql::<DB>();
        let sql = statements.get("upsert").expect("a text");
        let binds = match sql.contains('?') {
            true => sql.matches('?').count(),
            false => sql.matches('$').count(),
        };
        assert_eq!(binds, 3, "{sql}");
        ada().upsert(&db.pool).execute().await?;
        User {
            name: "Ada Lovelace".to_owned(),
            ..ada()
        }
        .upsert(&db.pool)
        .execute()
        .await?;
        assert_eq!(
            db.one::<String>(r#"SELECT "name" FROM "users""#).await?,
            "Ada Lovelace"
        );
        Ok(())
    }

    async fn s4_id_right_after_the_insert(db: Db) -> Result<()> {
        db.run(USERS).await?;
        let new = NewUser {
            id: 0,
            email: "ada@example.com".to_owned(),
            name: "Ada".to_owned(),
            balance: 0,
            created_at: DateTime::UNIX_EPOCH,
        };
        let row = new.upsert(&db.pool).await?;
        assert_eq!(row.id, db.one::<i64>(r#"SELECT "id" FROM "users""#).await?);
        assert_eq!(row.balance, 10, "the column's default");
        assert_eq!(
            row.created_at,
            db.one::<DateTime<Utc>>(r#"SELECT "created_at" FROM "users""#)
                .await?
        );
        assert!(row.created_at > instant("2020-01-01T00:00:00Z"));
        assert_eq!(new.upsert(&db.pool).await?.id, row.id);
        Ok(())
    }

    async fn s5_returning_all_some_or_one(db: Db) -> Result<()> {
        db.run(USERS).await?;
        db.run(USER_POINTS).await?;
        let all: User = ada().upsert(&db.pool).await?;
        let some: (i64, String) = UserForTuple {
            id: 0,
            email: all.email,
            name: "Countess".to_owned(),
        }
        .upsert(&db.pool)
        .await?;
        assert_eq!(some, (all.id, "Countess".to_owned()));
        let points: i64 = PointsForScalar {
            user_id: 7,
            points: 5,
        }
        .upsert(&db.pool)
        .await?;
        assert_eq!(points, 5);
        Ok(())
    }

    async fn s6_inventory_accumulation(db: Db) -> Result<()> {
        db.run(PRODUCTS).await?;
        assert_eq!(delivery(100).upsert(&db.pool).await?.stock, 100);
        assert_eq!(delivery(50).upsert(&db.pool).await?.stock, 150);
        assert_eq!(
            db.one::<i64>(r#"SELECT "stock" FROM "products""#).await?,
            150
        );
        Ok(())
    }

    async fn s7_update_only_what_is_not_null(db: Db) -> Result<()> {
        db.run(USERS).await?;
        let email = "ada@example.com".to_owned();
        Profile {
            email: email.clone(),
            name: "Ada".to_owned(),
            age: Some(36),
        }
        .upsert(&db.pool)
        .await?;
        let row = Profile {
            email,
            name: "Ada Lovelace".to_owned(),
            age: None,
        }
        .upsert(&db.pool)
        .await?;
        assert_eq!((row.name.as_str(), row.age), ("Ada Lovelace", Some(36)));
        assert_eq!(
            db.one::<Option<i32>>(r#"SELECT "age" FROM "users""#)
                .await?,
            Some(36)
        );
        Ok(())
    }

    async fn s8_updated_at_is_refreshed_by_the_databases_clock(db: Db) -> Result<()> {
        db.run(USERS).await?;
        // The struct's own times are never looked at.
        let long_ago = instant("1999-12-31T23:59:59Z");
        let user = Stamped {
            email: "ada@example.com".to_owned(),
            name: "Ada".to_owned(),
            created_at: long_ago,
            updated_at: long_ago,
        };
        let first = user.upsert(&db.pool).await?;
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        let second = user.upsert(&db.pool).await?;
        assert_eq!(first.created_at, first.updated_at);
        assert_eq!(second.created_at, first.created_at);
        assert!(second.updated_at > first.updated_at);
        let off = (Utc::now() - second.updated_at).abs();
        assert!(
            off < chrono::Duration::minutes(5),
            "the database's clock is {off} off"
        );
        Ok(())
    }

    async fn s9_login_counter(db: Db) -> Result<()> {
        db.run(USERS).await?;
        let login = |name: &str| Login {
            email: "ada@example.com".to_owned(),
            name: name.to_owned(),
            login_count: 1,
            last_login: DateTime::UNIX_EPOCH,
        };
        let first = login("Ada").upsert(&db.pool).with_action().await?;
        assert_eq!((first.row.login_count, first.action), (1, Action::Inserted));
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        let second = login("Countess").upsert(&db.pool).with_action().await?;
        assert_eq!(
            (second.row.login_count, second.action),
            (2, Action::Updated)
        );
        assert_eq!(second.row.name, "Countess");
        assert!(second.row.last_login > first.row.last_login);
        Ok(())
    }

    async fn s10_bulk_upsert_and_every_final_row(db: Db) -> Result<()> {
        db.run(USERS).await?;
        let known = ada().upsert(&db.pool).await?;
        let stored = User::upsert_all(&users(), &db.pool).returning().await?;
        let told: Vec<_> = stored.iter().map(|user| (&*user.email, &*user.name)).collect();
        let expected = [("eve@example.com", "Eve"), ("ada@example.com", "Countess"), ("bob@example.com", "Bob")];
        assert_eq!(told, expected);
        assert_eq!(stored[1].id, known.id);
        Ok(())
    }

    async fn s11_bulk_upsert_and_the_number(db: Db) -> Result<()> {
        db.run(USERS).await?;
        ada().upsert(&db.pool).await?;
        assert_eq!(User::upsert_all(&users(), &db.pool).await?, 3);
        assert_eq!(db.count("users").await?, 3);
        Ok(())
    }

    async fn s12_user_service(db: Db) -> Result<()> {
        struct UserService(sqlx::Pool<DB>);

        impl UserService {
            async fn create_or_update(&self, user: &User) -> Result<User, upsert::Error> {
                user.upsert(&self.0).await
            }

            async fn create_or_update_all(&self, users: &[User]) -> Result<u64, upsert::Error> {
                User::upsert_all(users, &self.0).await
            }

            async fn create_if_missing(&self, user: &User) -> Result<bool, upsert::Error> {
                user.insert_if_absent(&self.0).await
            }
        }

        db.run(USERS).await?;
        let service = UserService(db.pool.clone());
        assert!(service.create_if_missing(&ada()).await?);
        assert!(!service.create_if_missing(&ada()).await?);
        let renamed = User {
            name: "Ada Lovelace".to_owned(),
            ..ada()
        };
        assert_eq!(
            service.create_or_update(&renamed).await?.name,
            "Ada Lovelace"
        );
        assert_eq!(db.count("users").await?, 1);
        assert_eq!(service.create_or_update_all(&users()).await?, 3);
        assert_eq!(db.count("users").await?, 3);
        Ok(())
    }

    async fn s13_smart_upsert(db: Db) -> Result<()> {
        db.run(USERS).await?;
        let given = |name: Option<&str>, age| Smart {
            email: "ada@example.com".to_owned(),
            name: name.map(str::to_owned),
            age,
            updated_at: DateTime::UNIX_EPOCH,
        };
        let first = given(Some("Ada"), Some(36)).upsert(&db.pool).await?;
        let mut last = first.updated_at;
        for (name, age, expected) in [
            (Some("Countess"), None, ("Countess", Some(36))),
            (None, Some(37), ("Countess", Some(37))),
            (None, None, ("Countess", Some(37))),
        ] {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            let row = given(name, age).upsert(&db.pool).await?;
            assert_eq!((row.name.as_deref().unwrap_or_default(), row.age), expected);
            assert!(row.updated_at > last);
            last = row.updated_at;
        }
        Ok(())
    }

    async fn s14_register_or_log_in(db: Db) -> Result<()> {
        db.run(USERS).await?;
        let registered = instant("2024-05-01T10:00:00Z");
        let user = |name: &str, age, created_at| Registration {
            email: "ada@example.com".to_owned(),
            name: name.to_owned(),
            age,
            last_login: DateTime::UNIX_EPOCH,
            created_at,
        };
        let first = user("Ada", Some(36), registered).upsert(&db.pool).await?;
        assert_eq!((first.age, first.created_at), (Some(36), registered));
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        let again = user("Countess", Some(99), instant("2025-01-01T00:00:00Z"))
            .upsert(&db.pool)
            .await?;
        assert_eq!(
            (again.name.as_str(), again.age, again.created_at),
            ("Countess", Some(36), registered)
        );
        assert!(again.last_login > first.last_login);
        Ok(())
    }

    async fn s15_add_stock_to_a_product_that_may_not_exist(db: Db) -> Result<()> {
        db.run(PRODUCTS).await?;
        let Upserted { row, action } = delivery(20).upsert(&db.pool).with_action().await?;
        assert_eq!((row.stock, action), (20, Action::Inserted));
        let more = Product {
            name: "ignored".to_owned(),
            price: 9.0,
            ..delivery(30)
        };
        let Upserted { row, action } = more.upsert(&db.pool).with_action().await?;
        assert_eq!(
            (row.clone(), action),
            (
                Product {
                    id: row.id,
                    stock: 50,
                    ..delivery(0)
                },
                Action::Updated
            )
        );
        Ok(())
    }

    async fn s16_add_points_and_get_the_balance(db: Db) -> Result<()> {
        db.run(USER_POINTS).await?;
        let add = |points| AddPoints {
            user_id: 7,
            points,
            updated_at: DateTime::UNIX_EPOCH,
        };
        assert_eq!(add(10).upsert(&db.pool).await?, (7, 10));
        assert_eq!(add(-3).upsert(&db.pool).await?, (7, 7));
        Ok(())
    }

    async fn s17_count_a_tag(db: Db) -> Result<()> {
        db.run(TAGS).await?;
        for expected in 1..=3 {
            let count: i64 = count_tag("rust").upsert(&db.pool).await?;
            assert_eq!(count, expected);
        }
        assert_eq!(count_tag("sql").upsert(&db.pool).await?, 1);
        Ok(())
    }

    async fn s18_bulk_upsert_of_products(db: Db) -> Result<()> {
        db.run(PRODUCTS).await?;
        let product = |sku: &str, name: &str, stock, price| Restocked {
            sku: sku.to_owned(),
            name: name.to_owned(),
            stock,
            price,
        };
        product("apple", "Apple", 100, 0.5).upsert(&db.pool).await?;
        let rows = [
            product("pear", "Pear", 10, 0.75),
            product("apple", "Red apple", 50, 0.5),
            product("pear", "Green pear", 5, 0.25),
        ];
        assert_eq!(Restocked::upsert_all(&rows, &db.pool).await?, 3);
        let stored: Vec<(String, i64, f64)> =
            db.all(r#"SELECT "name", "stock", "price" FROM "products" ORDER BY "sku""#).await?;
        let expected = [("Red apple", 150, 0.5), ("Green pear", 15, 0.25)];
        assert_eq!(stored, expected.map(|(name, stock, price)| (name.to_owned(), stock, price)));
        let stored = Restocked::upsert_all(&rows, &db.pool).returning().await?;
        assert_eq!(stored.iter().map(|row| row.stock).collect::<Vec<_>>(), [25, 200, 30]);
        Ok(())
    }
}
