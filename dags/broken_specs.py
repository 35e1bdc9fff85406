"""Raises when a spec is broken, so that the UI's import errors name file, key, what was received and what is allowed.

No DAG lives here: every healthy model's DAGs come from the other files and keep running. (Airflow's
loader looks at files that hold the words airflow and dag; this one does.)
"""

from airworthy_airflow.dag_factories.specs import broken_specs_error

if error := broken_specs_error():
    raise error
