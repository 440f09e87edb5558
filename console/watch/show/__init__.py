"""How what a watch sees is shown: lines, objects, bars and tables."""
