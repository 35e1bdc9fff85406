"""Pages of a run's evidence behind Airflow's login: model report, verdict, Data Docs, Evidently."""
