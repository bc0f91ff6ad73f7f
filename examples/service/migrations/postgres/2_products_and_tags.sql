CREATE TABLE products (
    sku TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    stock BIGINT NOT NULL CHECK (stock >= 0)
);

CREATE TABLE tags (
    name TEXT NOT NULL PRIMARY KEY,
    count BIGINT NOT NULL
);
