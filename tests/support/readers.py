"""How each library reads each format so that nothing is lost, as ``docs/files.md`` shows it."""

# ruff: noqa: D103, S608 - the names say it, and the page has no room for more; paths here are those of tests

# --8<-- [start:imports]
import gzip
import json
from pathlib import Path
from typing import IO, Any

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

# --8<-- [end:imports]

DUCKDB_TYPES = {pa.string(): "VARCHAR", pa.int64(): "BIGINT", pa.float64(): "DOUBLE"}
POLARS_TYPES = {pa.string(): pl.String, pa.int64(): pl.Int64, pa.float64(): pl.Float64}


def pandas_parquet(path: Path, schema: pa.Schema) -> pa.Table:
    frame = pd.read_parquet(path, dtype_backend="pyarrow")
    return pa.Table.from_pandas(frame, schema, preserve_index=False)


def pyarrow_parquet(path: Path, schema: pa.Schema) -> pa.Table:
    return pa.parquet.read_table(path)


def duckdb_parquet(path: Path, schema: pa.Schema) -> pa.Table:
    duckdb.sql("SET TimeZone = 'UTC'")
    return duckdb.sql(f"SELECT * FROM read_parquet('{path}')").to_arrow_table()


def polars_parquet(path: Path, schema: pa.Schema) -> pa.Table:
    return pl.read_parquet(path).to_arrow()


def pyarrow_csv(path: Path, schema: pa.Schema) -> pa.Table:
    return pa.csv.read_csv(
        path,
        parse_options=pa.csv.ParseOptions(newlines_in_values=True),
        convert_options=pa.csv.ConvertOptions(
            column_types=schema, strings_can_be_null=True, quoted_strings_can_be_null=False, null_values=[""]
        ),
    )


def pandas_csv(path: Path, schema: pa.Schema) -> pa.Table:
    frame = pyarrow_csv(path, schema).to_pandas(types_mapper=pd.ArrowDtype)
    return pa.Table.from_pandas(frame, schema, preserve_index=False)


def duckdb_csv(path: Path, schema: pa.Schema) -> pa.Table:
    return duckdb.sql(
        f"SELECT * FROM read_csv('{path}', columns={duckdb_columns(schema)}, header=true, auto_detect=false, delim=',',"
        " quote='\"', escape='\"', nullstr='', allow_quoted_nulls=false, new_line='\\r\\n')"
    ).to_arrow_table()


def polars_csv(path: Path, schema: pa.Schema) -> pa.Table:
    return pl.read_csv(path, schema=polars_schema(schema)).with_columns(polars_times(schema)).to_arrow()


def pyarrow_json(path: Path, schema: pa.Schema) -> pa.Table:
    with opened(path) as file:
        return pa.Table.from_pylist(json.load(file), with_text_times(schema)).cast(schema)


def pyarrow_jsonl(path: Path, schema: pa.Schema) -> pa.Table:
    with opened(path) as file:
        return pa.Table.from_pylist([json.loads(line) for line in file], with_text_times(schema)).cast(schema)


def pandas_json(path: Path, schema: pa.Schema) -> pa.Table:
    frame = pyarrow_json(path, schema).to_pandas(types_mapper=pd.ArrowDtype)
    return pa.Table.from_pandas(frame, schema, preserve_index=False)


def pandas_jsonl(path: Path, schema: pa.Schema) -> pa.Table:
    frame = pyarrow_jsonl(path, schema).to_pandas(types_mapper=pd.ArrowDtype)
    return pa.Table.from_pandas(frame, schema, preserve_index=False)


def duckdb_json(path: Path, schema: pa.Schema) -> pa.Table:
    return duckdb.sql(f"SELECT * FROM read_json('{path}', columns={duckdb_columns(schema)})").to_arrow_table()


duckdb_jsonl = duckdb_json


def polars_json(path: Path, schema: pa.Schema) -> pa.Table:
    return pl.read_json(path, schema=polars_schema(schema)).with_columns(polars_times(schema)).to_arrow()


def polars_jsonl(path: Path, schema: pa.Schema) -> pa.Table:
    return pl.read_ndjson(path, schema=polars_schema(schema)).with_columns(polars_times(schema)).to_arrow()


def opened(path: Path) -> IO[str]:
    return (
        gzip.open(path, "rt", encoding="utf-8", newline="")
        if path.suffix == ".gz"
        else path.open(encoding="utf-8", newline="")
    )


def with_text_times(schema: pa.Schema) -> pa.Schema:
    return pa.schema([(f.name, pa.string() if pa.types.is_timestamp(f.type) else f.type) for f in schema])


def duckdb_columns(schema: pa.Schema) -> dict[str, str]:
    return {field.name: DUCKDB_TYPES.get(field.type, "TIMESTAMPTZ") for field in schema}


def polars_schema(schema: pa.Schema) -> dict[str, Any]:
    return {field.name: POLARS_TYPES.get(field.type, pl.String) for field in schema}


def polars_times(schema: pa.Schema) -> list[pl.Expr]:
    return [
        pl.col(f.name).str.to_datetime(time_unit="us", time_zone="UTC") for f in schema if pa.types.is_timestamp(f.type)
    ]
