"""Deep checks of a spec, with Great Expectations, XGBoost and the feature expressions themselves.

They import those libraries. They run in ``airworthy check``, and never while Airflow parses its DAG
files.
"""
