"""What people are told when nobody is looking: what an alert says, whom it is for, and that it is told once. Pure
but for the record in the ledger; sending is the business of those who know Airflow's connections.
"""
