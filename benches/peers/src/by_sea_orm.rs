//! `insert_many` with `on_conflict`, as many rows in a statement as it may bind.

use std::hint::black_box;

use sea_orm::sea_query::{Alias, Expr, ExprTrait, OnConflict};
use sea_orm::sqlx::postgres::PgPoolOptions;
use sea_orm::sqlx::sqlite::SqlitePoolOptions;
use sea_orm::{
    DatabaseConnection, DbErr, EntityTrait, InsertMany, NotSet, Set, SqlxPostgresConnector,
    SqlxSqliteConnector, TransactionTrait,
};
use tokio::runtime::Runtime;

use crate::bulk::{self, Contender, Item, Result};

mod item {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "items")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        #[sea_orm(unique)]
        pub sku: String,
        pub name: String,
        pub stock: i64,
        pub price: f64,
        pub active: bool,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

const POSTGRES_ROWS: usize = 65_535 / 5;
const SQLITE_ROWS: usize = 32_766 / 5;

async fn postgres_pool(url: &str) -> Result<DatabaseConnection> {
    let pool = PgPoolOptions::new().max_connections(1).connect(url).await?;
    Ok(SqlxPostgresConnector::from_sqlx_postgres_pool(pool))
}

async fn sqlite_pool() -> Result<DatabaseConnection> {
    let pool = SqlitePoolOptions::new().max_connections(1);
    let pool = pool.connect_with(bulk::sqlite_options()).await?;
    Ok(SqlxSqliteConnector::from_sqlx_sqlite_pool(pool))
}

pub fn postgres<'a>(runtime: &'a Runtime, url: &str) -> Result<Contender<'a>> {
    let db = runtime.block_on(postgres_pool(url))?;
    Ok(Contender::new("SeaORM", move |items| {
        Ok(runtime.block_on(write(&db, items, POSTGRES_ROWS))?)
    }))
}

pub fn postgres_returning<'a>(runtime: &'a Runtime, url: &str) -> Result<Contender<'a>> {
    let db = runtime.block_on(postgres_pool(url))?;
    Ok(Contender::new("SeaORM", move |items| {
        Ok(runtime.block_on(write_returning(&db, items, POSTGRES_ROWS))?)
    }))
}

pub fn sqlite<'a>(runtime: &'a Runtime) -> Result<Contender<'a>> {
    let db = runtime.block_on(sqlite_pool())?;
    Ok(Contender::new("SeaORM", move |items| {
        Ok(runtime.block_on(write(&db, items, SQLITE_ROWS))?)
    }))
}

pub fn sqlite_returning<'a>(runtime: &'a Runtime) -> Result<Contender<'a>> {
    let db = runtime.block_on(sqlite_pool())?;
    Ok(Contender::new("SeaORM", move |items| {
        Ok(runtime.block_on(write_returning(&db, items, SQLITE_ROWS))?)
    }))
}

async fn write(
    db: &DatabaseConnection,
    items: &[Item],
    rows: usize,
) -> std::result::Result<(), DbErr> {
    let tx = db.begin().await?;
    for chunk in items.chunks(rows) {
        insert(chunk).exec_without_returning(&tx).await?;
    }
    tx.commit().await
}

async fn write_returning(
    db: &DatabaseConnection,
    items: &[Item],
    rows: usize,
) -> std::result::Result<(), DbErr> {
    let tx = db.begin().await?;
    let mut models = Vec::with_capacity(items.len());
    for chunk in items.chunks(rows) {
        models.extend(insert(chunk).exec_with_returning(&tx).await?);
    }
    black_box(models);
    tx.commit().await
}

fn insert(items: &[Item]) -> InsertMany<item::ActiveModel> {
    let models = items.iter().map(|item| item::ActiveModel {
        id: NotSet,
        sku: Set(item.sku.clone()),
        name: Set(item.name.clone()),
        stock: Set(item.stock),
        price: Set(item.price),
        active: Set(item.active),
    });
    let stock = Expr::col((item::Entity, item::Column::Stock));
    let sum = stock.add(Expr::col((Alias::new("excluded"), item::Column::Stock)));
    let on_conflict = OnConflict::column(item::Column::Sku)
        .update_columns([
            item::Column::Name,
            item::Column::Price,
            item::Column::Active,
        ])
        .value(item::Column::Stock, sum)
        .to_owned();
    item::Entity::insert_many(models).on_conflict(on_conflict)
}
