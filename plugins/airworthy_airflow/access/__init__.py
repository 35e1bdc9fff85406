"""People's rights in Airflow, by the roles of `airworthy.roles`: auth managers, and what pages ask."""
