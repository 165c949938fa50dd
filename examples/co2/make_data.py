"""Writes statsmodels' weekly CO₂ series of Mauna Loa (1958 to 2001) as `data/co2.csv`, its gaps interpolated."""

from __future__ import annotations

from pathlib import Path

from statsmodels.datasets import co2

from estafet.files import replacing

DATA = Path(__file__).parent / "data" / "co2.csv"


def main() -> None:
    """Write the series, whole or not at all; a file that is there stays as it is."""
    if DATA.is_file():
        print(f"{DATA}: complete")
        return
    series = co2.load_pandas().data["co2"].interpolate(method="linear")
    with replacing(DATA) as file:
        file.write("week,co2_ppm\n")
        file.writelines(f"{week:%Y-%m-%d},{ppm:.2f}\n" for week, ppm in series.items())
    print(f"{DATA}: wrote {len(series):,} weeks")


if __name__ == "__main__":
    main()
