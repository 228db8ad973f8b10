"""The shared model package: everything that turns a radiograph into a grounded report, and grades it.

It knows nothing of Airflow, MLflow, DVC, the web or a database.
"""
