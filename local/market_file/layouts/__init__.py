"""Layouts of files that are known: one table, of which whoever reads a file knows nothing but what it declares."""

from local.market_file.layouts import crypto, markets
from local.market_file.layouts.layout import Cell, Holds, Layout, Shape

LAYOUTS = (*crypto.LAYOUTS, *markets.LAYOUTS)

__all__ = ["LAYOUTS", "Cell", "Holds", "Layout", "Shape"]
