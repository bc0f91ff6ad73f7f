use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email", conflict_where = "tenant_id = ?")]
struct User {
    email: String,
    tenant_id: i64,
}

fn main() {}
