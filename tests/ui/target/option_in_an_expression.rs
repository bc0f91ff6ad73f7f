use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "lower(email)")]
struct User {
    email: Option<String>,
    name: String,
}

#[derive(Upsert)]
#[upsert(conflict = "coalesce(email, '')")]
struct Covered {
    email: Option<String>,
    name: String,
}

#[derive(Upsert)]
#[upsert(conflict = "lower(email)", conflict_where = "email IS NOT NULL")]
struct LeftOut {
    email: Option<String>,
    name: String,
}

fn main() {}
