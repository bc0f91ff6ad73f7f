use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email", soft_delete = "deleted_at", on_deleted = "keep")]
struct User {
    email: String,
    #[upsert(insert_only)]
    deleted_at: Option<i64>,
}

fn main() {}
