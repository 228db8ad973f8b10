"""A grid of runs over seeds: what is declared, the studies it is run on, its tables and its pictures."""
