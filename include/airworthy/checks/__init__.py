"""Deep checks of a spec: what only Great Expectations, XGBoost and the feature expressions themselves can tell.

They import those libraries, so they run in ``airworthy check`` and never while Airflow parses its DAG files.
"""
