use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict("tenant_id", "email"))]
struct User {
    tenant_id: i64,
    email: String,
}

fn main() {}
