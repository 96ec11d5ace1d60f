"""Write changes for Sandpiper in Python.

A change is a subclass of `Change`. Nothing here needs a component around it: a change runs in tests as it is.
"""

from .change import Change, Verdict
from .context import Context, Level
from .errors import ChangeError, Failed, HttpError, Irreversible, Precondition, SqlError, Transient
from .http import Endpoint, Response
from .sql import Column, Connection, Row, Rows
from .values import Json, Other, Value

__all__ = [
    "Change", "ChangeError", "Column", "Connection", "Context", "Endpoint", "Failed", "HttpError", "Irreversible",
    "Json", "Level", "Other", "Precondition", "Response", "Row", "Rows", "SqlError", "Transient", "Value", "Verdict",
]
