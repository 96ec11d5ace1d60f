-- sandpiper: id=create-books author=ada target-system=library-db
-- apply
CREATE TYPE shelf AS ENUM ('fiction', 'science');
CREATE TABLE books (
    isbn text PRIMARY KEY,
    title text NOT NULL,
    shelf shelf NOT NULL,
    tags text[] NOT NULL DEFAULT '{}',
    added_at timestamptz NOT NULL DEFAULT now()
);
-- rollback
DROP TABLE books;
DROP TYPE shelf;
