"""Numbers as the papers print them, by table, column and row."""

from edgejoule.reports.papers import reference_tables

TABLES = {table.key: table for table in reference_tables.read()}


def numbers(key, column, **where):
    """The printed numbers of a column in rows with these values."""
    return [
        float(row[column])
        for row in TABLES[key].rows
        if row[column] and all(row[name] == value for name, value in where.items())
    ]


def one(key, column, **where):
    found = numbers(key, column, **where)
    assert len(set(found)) == 1, (key, column, where, found)
    return found[0]


def marked(key, column):
    """The rows whose number in this column has an erratum."""
    return [row for row in TABLES[key].rows if reference_tables.reasons(TABLES[key], row, column)]
