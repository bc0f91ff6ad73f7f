CREATE TABLE users (
    id INTEGER PRIMARY KEY,
    email TEXT NOT NULL CHECK (email LIKE '%@%'),
    handle TEXT NOT NULL,
    name TEXT NOT NULL,
    age INTEGER CHECK (age >= 0),
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL
) STRICT;

-- What the upsert conflicts on.
CREATE UNIQUE INDEX users_email ON users (email);

-- Another user's handle is an error, also when the email is new.
CREATE UNIQUE INDEX users_handle ON users (handle);
