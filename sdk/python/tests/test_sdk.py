"""The SDK on handles that stand in for the host's: values, rows, errors as every language words them."""

import unittest
from datetime import date, datetime
from decimal import Decimal
from types import SimpleNamespace
from uuid import UUID

from sandpiper_sdk import Change, Irreversible, Json, Precondition, SqlError
from sandpiper_sdk.change import problems
from sandpiper_sdk.errors import failure
from sandpiper_sdk.testing import FakeConnection, FakeContext, FakeEndpoint
from sandpiper_sdk.values import plain, to_contract


def refused(code: str) -> SqlError:
    return SqlError("Refused", SimpleNamespace(code=code, message="no", detail=None, hint=None))


class Values(unittest.TestCase):
    def test_every_kind_goes_out_as_the_contract_has_it_and_comes_back(self) -> None:
        cases = [
            (None, ("Null", None)), (True, ("Boolean", True)), (7, ("Integer", 7)), (0.5, ("Double", 0.5)),
            (Decimal("1E+2"), ("Decimal", "100")), ("a", ("Text", "a")), (b"a", ("Bytes", b"a")),
            (UUID(int=1), ("Uuid", str(UUID(int=1)))), (date(2026, 1, 31), ("Date", "2026-01-31")),
            (datetime(2026, 1, 31, 23, 59), ("Timestamp", "2026-01-31T23:59:00")), (Json("{}"), ("Json", "{}")),
        ]
        for value, expected in cases:
            self.assertEqual(to_contract(value), expected)
            self.assertEqual(plain(*expected), value)
        self.assertEqual(to_contract(2**63), ("Decimal", "9223372036854775808"))
        self.assertEqual(plain("Date", "0000-00-00"), "0000-00-00")
        with self.assertRaisesRegex(TypeError, "dict is no SQL value"):
            to_contract({})  # type: ignore[arg-type]


class Rows(unittest.TestCase):
    def test_rows_are_read_by_name_and_by_position(self) -> None:
        db = FakeConnection({"SELECT": [{"id": 1, "Note": "a"}, {"id": 2, "Note": None}]})
        rows = list(db.query("SELECT * FROM t").batch_size(1))
        self.assertEqual([row["id"] for row in rows], [1, 2])
        self.assertEqual((rows[0][1], rows[0]["note"], rows[0].typed(0).kind), ("a", "a", "Integer"))
        with self.assertRaisesRegex(SqlError, "there is no column `x`; the query has `id`, `Note`"):
            rows[0]["x"]
        with self.assertRaisesRegex(SqlError, "found more"):
            db.query("SELECT 1").one()
        with self.assertRaisesRegex(SqlError, "found none"):
            FakeConnection().query("SELECT 1").value()

    def test_many_rows_are_sent_a_thousand_at_a_time(self) -> None:
        self.assertEqual(FakeConnection().execute_many("INSERT", ([number] for number in range(2_500))), 2_500)


class Errors(unittest.TestCase):
    def test_each_error_becomes_the_failure_of_its_kind(self) -> None:
        self.assertEqual(failure(Precondition("a")), ("precondition", "a"))
        error = Irreversible("b")
        error.__cause__ = ValueError("c")
        self.assertEqual(failure(error), ("irreversible", "b: c"))
        self.assertEqual(failure(refused("40P01")), ("transient", "no (40P01)"))
        self.assertEqual(failure(refused("23505")), ("failed", "no (23505)"))

    def test_what_is_wrong_with_a_change_is_told_at_once(self) -> None:
        class Wrong(Change):
            id = "a"
            recovery = "never"
            uses = "crm"
        self.assertEqual(len(problems(Wrong)), 6)

    def test_what_would_not_run_when_it_is_called_is_told(self) -> None:
        class Later(Change):
            id, author, target_system = "a", "b", "c"

            async def apply(self, db, ctx):  # type: ignore[no-untyped-def, override]
                pass

            def rollback(self, db, ctx):  # type: ignore[no-untyped-def]
                yield 1

        self.assertEqual([it.split()[0] for it in problems(Later)], ["`apply`", "`rollback`"])

    def test_a_variable_that_is_not_set_is_a_precondition(self) -> None:
        with self.assertRaisesRegex(Precondition, "variable `region` is not set"):
            FakeContext().required_variable("region")


class Http(unittest.TestCase):
    def test_an_api_answers_as_it_is_told(self) -> None:
        api = FakeEndpoint({"POST queues": (201, '{"id": 7}'), "GET x": (503, " busy ")})
        self.assertEqual(api.post("queues", json={"name": "mail"}).error_for_status().json(), {"id": 7})
        with self.assertRaisesRegex(Exception, "the API answered with 503: busy"):
            api.get("x").error_for_status()


if __name__ == "__main__":
    unittest.main()
