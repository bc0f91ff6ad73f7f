use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email")]
struct User {
    email: String,
    #[upsert(insert = lower(new.name))]
    slug: String,
    #[upsert(insert = concat(new.slug, "/"))]
    path: String,
    name: String,
}

fn main() {}
