"""Write the table of docs/reliability.md from the kept results: `python -m tests.faults.table`."""

from __future__ import annotations

from tests.faults.results import rows, write

if __name__ == "__main__":
    write()
    print(f"{len(rows())} rows written")
