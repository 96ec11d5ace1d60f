CREATE TABLE users (
  uuid                TEXT     NOT NULL PRIMARY KEY,
  created_at          DATETIME NOT NULL,
  email               TEXT     NOT NULL UNIQUE,
  password_hash       BLOB     NOT NULL,
  salt                BLOB     NOT NULL DEFAULT x'00ff'
);

CREATE TABLE devices (
  uuid          TEXT     NOT NULL PRIMARY KEY,
  created_at    DATETIME NOT NULL,
  user_uuid     TEXT     NOT NULL REFERENCES users (uuid),
  name          TEXT     NOT NULL,
  type          INTEGER  NOT NULL
);

CREATE TABLE items (
  uuid          TEXT     NOT NULL PRIMARY KEY,
  user_uuid     TEXT     REFERENCES users (uuid),
  type          INTEGER  NOT NULL,
  name          TEXT     NOT NULL,
  favorite      BOOLEAN  NOT NULL DEFAULT 0,
  data          TEXT     NOT NULL
);
