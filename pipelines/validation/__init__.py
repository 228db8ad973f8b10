"""What a versioned set must hold before a model may be trained on it.

`policy` says what is expected, `tables` measures the set (`members`, `agreement` and `prevalence` are its parts), and
`judge` has Great Expectations hold the one against the other. The stage is `pipelines.validate`.
"""
