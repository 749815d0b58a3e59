"""Operators: licence data to XCom or to object storage."""
