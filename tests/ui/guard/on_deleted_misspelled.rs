use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email", soft_delete = "deleted_at", on_deleted = "revieve")]
struct User {
    email: String,
    deleted_at: Option<i64>,
}

fn main() {}
