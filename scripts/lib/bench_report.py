#!/usr/bin/python3
# scripts/lib/bench_report.py - prints benchmark results as a table and draws them against their budgets.
#
#   bench_report.py RESULTS.csv OUT.svg
#
# The bar is value / budget; the line is the budget. Units ending in "/s" are better when greater, all others when smaller.
import csv
import html
import sys



def read(lines):
    """Rows of name, value, unit, budget. A name that holds commas and no quotes is put together again: the others hold none."""
    for number, fields in enumerate(csv.reader(lines), 1):
        if len(fields) > 4:
            fields = [",".join(fields[:-3])] + fields[-3:]
        try:
            name, value, unit, budget = fields
            yield {"benchmark": name, "value": float(value), "unit": unit, "budget": float(budget) if budget else None}
        except ValueError:
            if fields and fields[0] != "benchmark":
                print(f"bench_report: line {number} is no result: {fields}", file=sys.stderr)


with open(sys.argv[1], newline="", encoding="utf-8") as source:
    rows = list(read(source))
if not rows:
    sys.exit("bench_report: no results")


def verdict(row):
    value, budget = row["value"], row["budget"]
    if budget is None:
        return ""
    good = value >= budget if row["unit"].endswith("/s") or row["unit"] == "ratio" else value <= budget
    return "ok" if good else "over"


width = max(len(r["benchmark"]) for r in rows)
print(f"   {'what':{width}}  {'value':>12}  {'unit':8}  {'budget':>10}")
for row in rows:
    print(f"   {row['benchmark']:{width}}  {row['value']:>12.6g}  {row['unit']:8}  {'-' if row['budget'] is None else format(row['budget'], 'g'):>10}  {verdict(row)}")

drawn = [r for r in rows if r["budget"] is not None]
height = 24 * len(drawn) + 30
parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="860" height="{height}" font-family="sans-serif" font-size="12">']
for index, row in enumerate(drawn):
    y = 20 + 24 * index
    length = min(2.0, row["value"] / row["budget"] if row["budget"] else 2.0) * 200
    colour = "#2a7" if verdict(row) == "ok" else "#c43"
    label = html.escape(f"{row['benchmark']}: {row['value']:.4g} {row['unit']} (budget {row['budget']:g})")
    parts.append(f'<rect x="10" y="{y}" width="{length:.0f}" height="16" fill="{colour}"/>'
                 f'<text x="420" y="{y + 12}">{label}</text>')
parts.append(f'<line x1="210" y1="10" x2="210" y2="{height - 5}" stroke="#333"/></svg>')
with open(sys.argv[2], "w", encoding="utf-8") as target:
    target.write("\n".join(parts) + "\n")
