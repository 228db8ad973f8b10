"""The phantom: a procedural chest radiograph data set, so that everything runs with no credentialed data.

A study is planned (`plan`: the patient, what is wrong by `occurrence`, the words by `wordings`, all as a `scenario`
says), drawn (`radiograph`, from `anatomy` and `changes`) and written (`writer`: `dicom`, `png`, `report`, `tables`,
`ms_cxr`) in MIMIC-CXR's own layout. The same seed gives the same bytes on every platform: each random stream is a PCG64
keyed by what it is for, and the pixels use only operations that IEEE 754 rounds exactly (+, -, *, /, sqrt, comparison),
no exp, sin, pow, BLAS or FFT.
"""
