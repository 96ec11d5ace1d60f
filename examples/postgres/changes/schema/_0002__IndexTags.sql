-- sandpiper: id=index-tags author=ada target-system=library-db recovery=always-retry
-- CONCURRENTLY cannot run inside a transaction: this change is `direct`. An index that a crash left half-made is dropped first.
-- apply
DROP INDEX CONCURRENTLY IF EXISTS books_by_tag;
CREATE INDEX CONCURRENTLY books_by_tag ON books USING gin (tags);
-- rollback
DROP INDEX CONCURRENTLY IF EXISTS books_by_tag;
