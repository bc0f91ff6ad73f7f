use upsert::Upsert;

#[derive(Upsert)]
#[upsert(
    conflict = "email",
    returning = "email, a, b, c, d, e, f, g, h, i, j, k, l"
)]
struct User {
    email: String,
    a: i64,
    b: i64,
    c: i64,
    d: i64,
    e: i64,
    f: i64,
    g: i64,
    h: i64,
    i: i64,
    j: i64,
    k: i64,
    l: i64,
}

fn main() {}
