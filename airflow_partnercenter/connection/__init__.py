"""The connection type ``partner_center``: its fields, and the reader that checks a connection."""
