"""Tables in Markdown, as the benchmarks print them and docs/benchmarks.md has them."""


def table(head, rows):
    """A table; the first column is text, the others are numbers."""
    lines = ["| " + " | ".join(head) + " |", "|---|" + "---:|" * (len(head) - 1)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def titled(title, head, rows):
    """A table under a heading; report.py finds it in what pytest prints."""
    return f"\n\n### {title}\n\n{table(head, rows)}\n"


def tables_in(printed):
    """The headings and tables in what pytest printed, as a text."""
    kept = [line for line in printed.splitlines() if line.startswith(("### ", "| ", "|--"))]
    return "\n".join(f"\n{line}\n" if line.startswith("#") else line for line in kept).strip() + "\n"
