use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email", soft_delete = "deleted_at")]
struct User {
    email: String,
    deleted_at: Option<i64>,
}

fn main() {}
