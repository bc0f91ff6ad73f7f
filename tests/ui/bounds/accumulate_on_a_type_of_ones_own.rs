use upsert::Upsert;

#[derive(sqlx::Type)]
#[sqlx(transparent)]
struct Cents(i64);

#[derive(Upsert)]
#[upsert(conflict = "email", accumulate = "balance")]
struct User {
    email: String,
    balance: Cents,
}

fn main() {}
